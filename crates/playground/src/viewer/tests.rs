//! What a learner sees, read off as the interface reads it.

use super::fixture::{self, Writer};
use super::*;
use expect_test::{Expect, expect};
use glassdock_trace::Layer;

fn timeline(write: impl FnOnce(&mut Writer)) -> Timeline {
    let mut writer = fixture::booted();
    write(&mut writer);
    let mut timeline = Timeline::new();
    timeline.push_events(0, writer.events());
    assert_eq!(timeline.folded().mismatches(), 0);
    timeline
}

fn rows(timeline: &Timeline, journey: &Journey) -> String {
    let mut text = String::new();
    for row in &journey.rows {
        let sign = match row.open {
            None => "·",
            Some(true) => "▾",
            Some(false) => "▸",
        };
        let label = match row.kind {
            RowKind::Process(pid) => format!("process {pid}"),
            RowKind::Fold(_, count) => format!("{count} calls"),
            RowKind::Span(id) => {
                let span = timeline.span(id).unwrap();
                let line = format!(
                    "{} {} ({}) {}",
                    span.layer.name(),
                    span.name,
                    summary(span),
                    result(span)
                );
                line.trim_end().to_owned()
            }
        };
        text += &format!("{}{sign} {label}\n", "  ".repeat(row.depth.into()));
    }
    text
}

fn check_journey(timeline: &Timeline, place: usize, layers: Layers, expected: Expect) {
    let journey = Journey::new(timeline, place, layers, &Opened::new());
    expected.assert_eq(&rows(timeline, &journey));
}

fn boxes(shown: &PictureBox, depth: usize, text: &mut String) {
    let indent = "  ".repeat(depth);
    let kind = match &shown.kind {
        PictureBoxKind::Host => "host",
        PictureBoxKind::Container(_) => "container",
        PictureBoxKind::Namespace => "namespace",
    };
    let own: Vec<String> = shown
        .namespaces
        .iter()
        .filter(|(_, _, own)| *own)
        .map(|(kind, ..)| format!("{kind:?}"))
        .collect();
    let info = shown
        .container
        .as_ref()
        .map(|c| format!("{} {}", c.name, c.state))
        .unwrap_or_default();
    *text += &format!(
        "{indent}[{kind} {} {info} {:?} own: {}]\n",
        shown.hostname,
        shown.mark,
        own.join(" ")
    );
    for row in &shown.processes {
        *text += &format!(
            "{indent}{}{:?} {} {} {:?}\n",
            "  ".repeat(usize::from(row.depth) + 1),
            row.pids,
            row.state,
            row.command,
            row.mark
        );
    }
    for inner in &shown.boxes {
        boxes(inner, depth + 1, text);
    }
}

fn check_picture(timeline: &mut Timeline, since: Moment, moment: Moment, expected: Expect) {
    let mut text = String::new();
    if let Some(host) = picture(timeline, since, moment).host {
        boxes(&host, 0, &mut text);
    }
    expected.assert_eq(&text);
}

#[test]
fn the_stream_is_cut_into_what_was_typed() {
    let timeline = timeline(|w| {
        fixture::ls(w);
        fixture::docker_run(w);
    });
    let labels: Vec<String> = (0..timeline.command_count())
        .map(|place| timeline.command(place).unwrap().label)
        .collect();
    assert_eq!(labels, ["", "ls /etc", "docker run --rm -it busybox sh"]);
    let docker = timeline.command(2).unwrap();
    assert_eq!(docker.end, timeline.end());
    assert_eq!(timeline.command_at(docker.start), 1);
    assert_eq!(timeline.command_at(docker.start + 1), 2);
}

#[test]
fn where_what_was_shown_does_not_tell_the_started_programs_do() {
    let timeline = timeline(|w| {
        // The history's key on a line that is wider than the screen: the shell goes up with the cursor.
        fixture::ls_as(w, "\x1b[A\x1b[Als /etc");
    });
    assert_eq!(timeline.command(1).unwrap().label, "ls /etc");
}

#[test]
fn what_is_typed_to_a_program_or_ahead_begins_no_command() {
    let mut timeline = timeline(|w| {
        fixture::ls(w);
        fixture::editor(w);
        fixture::docker_run(w);
    });
    let labels = |timeline: &Timeline| -> Vec<String> {
        (0..timeline.command_count())
            .map(|place| timeline.command(place).unwrap().label)
            .collect()
    };
    let all = ["", "ls /etc", "vi", "docker run --rm -it busybox sh"];
    assert_eq!(labels(&timeline), all);
    // The keys read by the editor belong to the line that started it.
    let editor = timeline.command(2).unwrap();
    let reads = timeline.spans_between(editor.start, editor.end);
    assert_eq!(reads.filter(|span| span.name == "read").count(), 1);
    // Gone back to the middle of the last line's keys, the line is read to its end from there.
    let (events, end) = (timeline.clone(), timeline.end());
    let middle = timeline.lines()[2].typed_at + 7;
    timeline.rewind(middle);
    assert_eq!(labels(&timeline), all[..3]);
    let mut writer = fixture::booted();
    fixture::ls(&mut writer);
    fixture::editor(&mut writer);
    fixture::docker_run(&mut writer);
    timeline.push_events(middle, writer.events().into_iter().skip(middle as usize));
    assert_eq!((timeline.end(), labels(&timeline)), (end, labels(&events)));
    assert_eq!(timeline.lines(), events.lines());
}

#[test]
fn a_plain_command_is_its_process_with_its_calls_folded() {
    check_journey(
        &timeline(fixture::ls),
        1,
        Layers::default(),
        expect![[r#"
            ▾ process 1
              ▾ syscall clone (0, NULL, NULL, NULL, NULL)
                ▾ sched process () 0
                  ▸ 5 calls
        "#]],
    );
}

#[test]
fn docker_run_leads_from_the_command_line_down_to_the_calls() {
    let timeline = timeline(fixture::docker_run);
    check_journey(
        &timeline,
        1,
        Layers::default(),
        expect![[r#"
            ▾ process 1
              ▾ syscall clone (0, NULL, NULL, NULL, NULL)
                ▾ sched process ()
                  ▾ cli docker run (busybox)
                    ▾ http POST /v1.51/containers/create () 201
                      ▾ syscall write (4, "POST /v1.51/containers/create HTTP/1.1\r\nHost: docker\r\nContent-Type: application/json\r\n\r\n", 88) 88
                        ▾ http POST /v1.51/containers/create () 201
                          ▸ engine container create (busybox)
                          · http response () 201
                    ▾ http POST /v1.51/containers/3f1c2a9be0d4/start () 204
                      ▾ engine container start (3f1c2a9be0d4)
                        ▾ runtime plan ()
                          ▸ runtime why.clone (pid, mnt, uts, ipc)
                          ▸ runtime why.mount-proc (proc, /proc)
                          · syscall execveat (AT_FDCWD, "/bin/sh", ["sh"], [], 0)
        "#]],
    );
    check_journey(
        &timeline,
        1,
        Layers::default()
            .toggled(Layer::Syscall)
            .toggled(Layer::Sched),
        expect![[r#"
            ▾ process 1
              ▾ cli docker run (busybox)
                ▾ http POST /v1.51/containers/create () 201
                  ▾ http POST /v1.51/containers/create () 201
                    · engine container create (busybox)
                    · http response () 201
                ▾ http POST /v1.51/containers/3f1c2a9be0d4/start () 204
                  ▾ engine container start (3f1c2a9be0d4)
                    ▾ runtime plan ()
                      · runtime why.clone (pid, mnt, uts, ipc)
                      · runtime why.mount-proc (proc, /proc)
        "#]],
    );
}

#[test]
fn walking_stops_at_every_visible_row_in_the_order_of_events() {
    let timeline = timeline(fixture::docker_run);
    let journey = Journey::new(&timeline, 1, Layers::default(), &Opened::new());
    let mut moment = 0;
    let mut seen = 0;
    while let Some(step) = journey.next(moment) {
        assert!(step.moment > moment);
        assert_eq!(journey.at(step.moment), Some(step));
        assert_eq!(
            journey.previous(step.moment).map(|s| s.moment),
            (seen > 0).then_some(moment)
        );
        moment = step.moment;
        seen += 1;
    }
    // All rows but those of processes, which are headings.
    assert_eq!(seen, journey.rows.len() - 1);
}

#[test]
fn a_row_closed_by_hand_is_stepped_over_and_an_opened_fold_into() {
    let timeline = timeline(fixture::ls);
    let journey = Journey::new(&timeline, 1, Layers::default(), &Opened::new());
    let fold = journey.rows.last().unwrap().kind;
    let RowKind::Fold(first, 5) = fold else {
        panic!("{fold:?}")
    };
    let opened = Opened::from([(RowKind::Fold(first, 0), true)]);
    let unfolded = Journey::new(&timeline, 1, Layers::default(), &opened);
    assert_eq!(unfolded.rows.len(), journey.rows.len() + 5);
    let closed = Opened::from([(journey.rows[1].kind, false)]);
    let short = Journey::new(&timeline, 1, Layers::default(), &closed);
    assert_eq!(short.rows.len(), 2);
    assert_eq!(short.steps.len(), 1);
}

#[test]
fn the_host_is_a_box_and_the_container_a_box_in_it_with_both_numbers() {
    let mut timeline = timeline(fixture::docker_run);
    let end = timeline.end();
    check_picture(
        &mut timeline,
        end,
        end,
        expect![[r#"
        [host glassdock  Same own: ]
          [1] R /bin/sh Same
            [2] S /usr/bin/dockerd Same
              [12] R /usr/libexec/glassdock/shim 3f1c2a9be0d4 Same
            [11] R docker run --rm -it busybox sh Same
          [container 3f1c2a9be0d4 quirky_hopper running Same own: Pid Mnt Uts]
            [13, 1] R sh Same
    "#]],
    );
}

#[test]
fn the_step_that_made_a_process_shows_it_as_new() {
    let mut timeline = timeline(fixture::docker_run);
    let journey = Journey::new(&timeline, 1, Layers::default(), &Opened::new());
    let row = journey
        .rows
        .iter()
        .position(|row| matches!(row.kind, RowKind::Span(id) if timeline.span(id).unwrap().name == "why.clone"))
        .unwrap();
    let moment = journey.rows[row].moment;
    let since = journey.previous(moment).unwrap().moment;
    check_picture(
        &mut timeline,
        since,
        moment,
        expect![[r#"
        [host glassdock  Same own: ]
          [1] R /bin/sh Same
            [2] S /usr/bin/dockerd Same
              [12] R /usr/libexec/glassdock/shim 3f1c2a9be0d4 Same
            [11] R docker run --rm -it busybox sh Same
          [namespace glassdock  Added own: Pid Mnt Uts]
            [13, 1] R /usr/libexec/glassdock/runtime Added
          [container  quirky_hopper created Same own: ]
    "#]],
    );
}

#[test]
fn what_went_away_in_a_step_is_still_shown_and_marked() {
    let mut timeline = timeline(fixture::ls);
    let end = timeline.end();
    check_picture(
        &mut timeline,
        end - 3,
        end,
        expect![[r#"
        [host glassdock  Same own: ]
          [1] R /bin/sh Same
            [2] S /usr/bin/dockerd Same
            [10] X ls /etc Removed
    "#]],
    );
    check_picture(
        &mut timeline,
        end,
        end,
        expect![[r#"
        [host glassdock  Same own: ]
          [1] R /bin/sh Same
            [2] S /usr/bin/dockerd Same
    "#]],
    );
}

#[test]
fn a_process_that_has_ended_is_in_no_other_namespace_than_its_box() {
    let mut timeline = timeline(fixture::zombie);
    let end = timeline.end();
    let host = picture(&mut timeline, end, end).host.unwrap();
    let row = host.processes.last().unwrap();
    assert_eq!((row.state, row.comm.as_str()), ('Z', "sleep"));
    assert_eq!(row.apart, []);
}

fn named(timeline: &Timeline, name: &str) -> glassdock_trace::SpanId {
    timeline
        .spans_between(0, timeline.end())
        .find(|span| span.name == name)
        .unwrap()
        .id
}

#[test]
fn the_facts_of_a_call_are_its_reason_arguments_result_and_changes() {
    let mut timeline = timeline(fixture::docker_run);
    let id = named(&timeline, "mount");
    let facts = facts(&mut timeline, id).unwrap();
    expect![[r#"
        Facts {
            layer: Syscall,
            name: "mount",
            pid: 13,
            comm: "runtime",
            why: Some(
                (
                    "why.mount-proc",
                    [
                        "proc",
                        "/proc",
                    ],
                ),
            ),
            manual: Some(
                "mount(2)",
            ),
            arguments: [
                Fact {
                    name: "source",
                    value: "\"proc\"",
                },
                Fact {
                    name: "target",
                    value: "\"/proc\"",
                },
                Fact {
                    name: "filesystemtype",
                    value: "\"proc\"",
                },
                Fact {
                    name: "mountflags",
                    value: "MS_NOSUID|MS_NODEV|MS_NOEXEC",
                },
                Fact {
                    name: "data",
                    value: "\"\"",
                },
            ],
            ending: Fine(
                "0",
            ),
            time: (
                131300,
                Some(
                    900,
                ),
            ),
            messages: [],
            changes: [
                StateChange {
                    kind: "Mount",
                    key: "40",
                    mark: Added,
                    fields: [
                        (
                            "ns",
                            "",
                            "4026532199",
                        ),
                        (
                            "parent",
                            "",
                            "1",
                        ),
                        (
                            "target",
                            "",
                            "\"/proc\"",
                        ),
                        (
                            "root",
                            "",
                            "\"/\"",
                        ),
                        (
                            "sb",
                            "",
                            "40",
                        ),
                        (
                            "fstype",
                            "",
                            "\"proc\"",
                        ),
                        (
                            "source",
                            "",
                            "\"proc\"",
                        ),
                        (
                            "options",
                            "",
                            "\"rw,nosuid\"",
                        ),
                        (
                            "propagation",
                            "",
                            "\"\"",
                        ),
                    ],
                },
            ],
            changes_below: [],
            notes: [],
        }
    "#]]
    .assert_debug_eq(&facts);
}

#[test]
fn the_facts_of_a_request_are_both_messages() {
    let mut timeline = timeline(fixture::docker_run);
    let served = timeline
        .spans_between(0, timeline.end())
        .find(|span| span.layer == Layer::Http && span.pid == 2)
        .unwrap()
        .id;
    let facts = facts(&mut timeline, served).unwrap();
    let starts: Vec<&str> = facts.messages.iter().map(|m| m.start.as_str()).collect();
    assert_eq!(
        starts,
        [
            "POST /v1.51/containers/create HTTP/1.1",
            "HTTP/1.1 201 Created"
        ]
    );
    assert!(
        matches!(&facts.messages[0].body, http::Body::Json(json) if json.contains("\"Tty\": true"))
    );
    assert_eq!(facts.changes_below, [("Container", 1)]);
}

#[test]
fn going_back_and_on_again_tells_the_same() {
    let mut writer = fixture::booted();
    fixture::ls(&mut writer);
    let kept = writer.tracer.written();
    fixture::docker_run(&mut writer);
    let events = writer.events();
    let mut timeline = Timeline::new();
    timeline.push_events(0, events.clone());
    let all = rows(
        &timeline,
        &Journey::new(&timeline, 2, Layers::default(), &Opened::new()),
    );
    timeline.rewind(kept);
    assert_eq!((timeline.end(), timeline.command_count()), (kept, 2));
    assert!(timeline.folded().newest().containers.is_empty());
    timeline.push_events(kept, events.into_iter().skip(kept as usize));
    assert_eq!(timeline.folded().mismatches(), 0);
    let again = Journey::new(&timeline, 2, Layers::default(), &Opened::new());
    assert_eq!(rows(&timeline, &again), all);
}

#[test]
fn events_that_are_known_are_passed_over_and_a_gap_makes_forgetful() {
    let events = fixture::booted().events();
    let mut timeline = Timeline::new();
    timeline.push_events(0, events.clone());
    timeline.push_events(2, events.clone().into_iter().skip(2));
    assert_eq!(timeline.end(), events.len() as u64);
    timeline.push_events(1_000_000, events);
    assert!(timeline.is_forgetful());
    assert_eq!(timeline.base(), 1_000_000);
}

/// The target is 16 ms a step in the page; natively, optimised or not, a step must be far from it, or the page has no
/// chance.
#[test]
fn a_step_among_a_hundred_thousand_events_walks_few_deltas() {
    let mut timeline = timeline(|w| fixture::busy(w, 40_000));
    assert!(timeline.end() > 100_000);
    let journey = Journey::new(&timeline, 1, Layers::default(), &Opened::new());
    assert_eq!(journey.rows.len(), 3);
    let mut moment = timeline.end();
    for _ in 0..50 {
        moment -= 1999;
        let shown = picture(&mut timeline, moment - 3, moment);
        assert_eq!(shown.host.unwrap().processes.len(), 3);
    }
}

#[test]
fn full_ids_are_shortened_and_nothing_else() {
    let id = "91ea171937d4394e2d13aed5ec7488146b1b3e00295ef9cd714de3cd5f485729";
    for (text, expected) in [
        (
            format!("POST /v1.51/containers/{id}/start"),
            "POST /v1.51/containers/91ea171937d4/start",
        ),
        (
            format!("{id}0"),
            "91ea171937d4394e2d13aed5ec7488146b1b3e00295ef9cd714de3cd5f4857290",
        ),
        ("feed 바다 cafe".to_owned(), "feed 바다 cafe"),
    ] {
        assert_eq!(with_short_ids(&text), expected);
    }
}
