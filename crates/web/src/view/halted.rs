//! What is said of a machine that is off.

use super::Link;
use crate::app::{App, Msg, Stage};
use yew::prelude::*;

/// The note, where the machine is off: what that means, and the ways on.
pub fn note(app: &App, link: &Link) -> Html {
    if !app.state.halted || app.stage != Stage::Running {
        return Html::default();
    }
    let texts = &app.texts;
    let undoable = app.rewinds && app.state.undoable > 0;
    html! {
        <div class="halted" role="alert">
            <span>
                <b>{ texts.get("halted.title") }</b>
                { " " }
                { texts.get("halted.about") }
            </span>
            <button class="button" onclick={link.callback(|_| Msg::Restart)}>{ texts.get("restart.again") }</button>
            if undoable {
                <button class="button plain" onclick={link.callback(|_| Msg::Undo)}>{ texts.get("halted.undo") }</button>
            }
        </div>
    }
}
