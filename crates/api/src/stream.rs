//! Documents that come one after another: progress of long operations, and events.

use crate::{Map, go_struct};

go_struct! {
    /// An error in a stream of progress.
    pub struct JsonError {
        /// Number, where there is one.
        pub code: i64 = "code", omitempty,
        /// In words.
        pub message: String = "message", omitempty,
    }
}

go_struct! {
    /// How far something is.
    pub struct JsonProgress {
        /// Done so far.
        pub current: i64 = "current", omitempty,
        /// Of how much.
        pub total: i64 = "total", omitempty,
        /// Start in seconds since 1970.
        pub start: i64 = "start", omitempty,
        /// Leaves the figures out.
        pub hide_counts: bool = "hidecounts", omitempty,
        /// Unit; bytes when empty.
        pub units: String = "units", omitempty,
    }
}

go_struct! {
    /// One message of a stream of progress (`jsonmessage.JSONMessage`): load, import, pull, build.
    pub struct JsonMessage {
        /// Text as it is.
        pub stream: String = "stream", omitempty,
        /// One line.
        pub status: String = "status", omitempty,
        /// How far it is.
        pub progress: Option<JsonProgress> = "progressDetail", omitempty,
        /// The same as text.
        pub progress_message: String = "progress", omitempty,
        /// What it is about, such as a layer.
        pub id: String = "id", omitempty,
        /// Deprecated.
        pub from: String = "from", omitempty,
        /// Deprecated.
        pub time: i64 = "time", omitempty,
        /// Deprecated.
        pub time_nano: i64 = "timeNano", omitempty,
        /// What went wrong.
        pub error: Option<JsonError> = "errorDetail", omitempty,
        /// The same as text.
        pub error_message: String = "error", omitempty,
        /// Results beside the text.
        pub aux: Option<serde_json::Value> = "aux", omitempty,
    }
}

go_struct! {
    /// What an event is about.
    pub struct Actor {
        /// Its id.
        pub id: String = "ID",
        /// More of it: `image`, `name`, labels, `exitCode`, `signal`.
        pub attributes: Map<String> = "Attributes",
    }
}

go_struct! {
    /// One event (`events.Message`).
    pub struct Event {
        /// Before 1.52: the action, for containers and images.
        pub status: String = "status", omitempty,
        /// Before 1.52: the actor's id.
        pub id: String = "id", omitempty,
        /// Before 1.52: the image.
        pub from: String = "from", omitempty,
        /// `container`, `image`, `network`, `volume`, `daemon`.
        pub kind: String = "Type",
        /// Such as `create`, or `exec_start: sh -c true`.
        pub action: String = "Action",
        /// What it is about.
        pub actor: Actor = "Actor",
        /// `local` or `swarm`.
        pub scope: String = "scope", omitempty,
        /// Seconds since 1970.
        pub time: i64 = "time", omitempty,
        /// Nanoseconds since 1970.
        pub time_nano: i64 = "timeNano", omitempty,
    }
}
