//! `/images/…`. Names of images have slashes, so what is done with one is the end of the path.

use super::request::Call;
use super::{answer, complete, response};
use crate::engine::{Engine, Kernel};
use crate::error::ApiError;
use crate::images::repo_tag;
use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::{get, post};
use glassdock_api::image::PruneReport;
use glassdock_api::stream::JsonMessage;
use glassdock_image::Reference;
use http::StatusCode;

pub(super) fn routes<S: Kernel>() -> Router<Engine<S>> {
    Router::new()
        .route("/images/json", get(list))
        .route("/images/load", post(load))
        .route("/images/create", post(create))
        .route("/images/prune", post(prune))
        .route("/images/search", get(no_registry))
        .route("/images/get", get(no_save))
        .route(
            "/images/{*name}",
            get(get_one).post(post_one).delete(remove),
        )
}

async fn list<S: Kernel>(State(engine): State<Engine<S>>, call: Call) -> Response {
    answer(async {
        let list = engine.list_images(&call.filters()?, call.flag("shared-size"))?;
        Ok(response::json(StatusCode::OK, &list))
    })
    .await
}

async fn load<S: Kernel>(State(engine): State<Engine<S>>, call: Call) -> Response {
    complete(&engine.clone(), async move {
        let engine = call.within(&engine);
        let quiet = call.flag_or("quiet", true);
        let mut messages = Vec::new();
        let mut tell = |message: JsonMessage| messages.push(message);
        // Errors are told among the messages, as with moby.
        if let Err(error) = engine
            .load_images(call.into_source(), &mut tell, quiet)
            .await
        {
            messages.push(response::error_message(&error));
        }
        Ok(response::messages(&messages))
    })
    .await
}

/// A pull, or an import of a root file system.
async fn create<S: Kernel>(State(engine): State<Engine<S>>, call: Call) -> Response {
    complete(&engine.clone(), async move {
        let engine = call.within(&engine);
        let image = call.param("fromImage");
        if !image.is_empty() {
            return Err(no_pull(image, call.param("tag")));
        }
        let source = call.param("fromSrc");
        if source != "-" {
            let why = "this engine cannot download archives yet: send it as the request's body (`docker import -`)";
            return Err(ApiError::not_implemented(format!("{source}: {why}")));
        }
        let name = repo_tag(call.param("repo"), call.param("tag"))?;
        let comment = match call.param("message") {
            "" => format!("Imported from {source}"),
            message => message.to_string(),
        };
        let changes = call.params("changes").to_vec();
        let id = engine.import_image(call.into_source(), name, &comment, &changes).await?;
        let message = JsonMessage { status: id.to_string(), ..JsonMessage::default() };
        Ok(response::messages(&[message]))
    })
    .await
}

/// What a pull comes to without a registry: 404 in moby's shape, so that a client that wanted to run the image says so.
fn no_pull(image: &str, tag: &str) -> ApiError {
    let reference = match Reference::parse(image.trim_end_matches(':')) {
        Ok(reference) => reference,
        Err(error) => return ApiError::invalid(error.to_string()),
    };
    let separator = if tag.starts_with("sha256:") { "@" } else { ":" };
    let shown = match tag {
        "" => reference.or_latest().familiar(),
        tag => format!("{}{separator}{tag}", reference.familiar_name()),
    };
    ApiError::not_found(format!(
        "pull access denied for {shown}: this engine has no registry to pull from yet; load the image from an archive \
         with `docker load`"
    ))
}

async fn no_registry() -> Response {
    response::error(&ApiError::not_implemented(
        "registries: not supported by this engine yet",
    ))
}

async fn no_save() -> Response {
    response::error(&ApiError::not_implemented(
        "saving images: not supported by this engine yet",
    ))
}

async fn prune<S: Kernel>(State(engine): State<Engine<S>>, call: Call) -> Response {
    complete(&engine.clone(), async move {
        let (items, space_reclaimed) = call.within(&engine).prune_images(call.filters()?).await?;
        let report = PruneReport {
            images_deleted: (!items.is_empty()).then_some(items),
            space_reclaimed,
        };
        Ok(response::json(StatusCode::OK, &report))
    })
    .await
}

/// The name and the word after it.
fn name_and_verb(call: &Call) -> (&str, &str) {
    let name = call.name("name");
    name.rsplit_once('/').unwrap_or(("", name))
}

async fn get_one<S: Kernel>(State(engine): State<Engine<S>>, call: Call) -> Response {
    answer(async {
        match name_and_verb(&call) {
            (name, "json") => Ok(response::json(StatusCode::OK, &engine.inspect_image(name)?)),
            (name, "history") => Ok(response::json(StatusCode::OK, &engine.image_history(name)?)),
            (_, "get") => Ok(no_save().await),
            _ => Err(ApiError::not_found("page not found")),
        }
    })
    .await
}

async fn post_one<S: Kernel>(State(engine): State<Engine<S>>, call: Call) -> Response {
    complete(&engine.clone(), async move {
        match name_and_verb(&call) {
            (name, "tag") => {
                call.within(&engine)
                    .tag(name, call.param("repo"), call.param("tag"))
                    .await?;
                Ok(response::empty(StatusCode::CREATED))
            }
            (name, "push") => {
                engine.image(name)?;
                Ok(no_registry().await)
            }
            _ => Err(ApiError::not_found("page not found")),
        }
    })
    .await
}

async fn remove<S: Kernel>(State(engine): State<Engine<S>>, call: Call) -> Response {
    complete(&engine.clone(), async move {
        let name = call.name("name");
        if name.trim().is_empty() {
            return Err(ApiError::invalid("image name cannot be blank"));
        }
        let items = call
            .within(&engine)
            .delete_image(name, call.flag("force"))
            .await?;
        Ok(response::json(StatusCode::OK, &items))
    })
    .await
}
