//! Images: lists, inspection, history, removal.

use crate::container::{Config, HealthConfig};
use crate::inspect::DriverData;
use crate::{Empty, List, Map, go_struct};

go_struct! {
    /// One element of `GET /images/json` (`image.Summary`).
    pub struct Summary {
        /// Containers that use it; -1 when not counted.
        pub containers: i64 = "Containers",
        /// Seconds since 1970.
        pub created: i64 = "Created",
        /// `sha256:…` of the configuration.
        pub id: String = "Id",
        /// Labels.
        pub labels: Map<String> = "Labels",
        /// The image it was built on, or empty.
        pub parent_id: String = "ParentId",
        /// The manifest, where the store keeps it.
        pub descriptor: Option<serde_json::Value> = "Descriptor", omitempty,
        /// Per platform, where asked for and kept.
        pub manifests: List<serde_json::Value> = "Manifests", omitempty,
        /// `name@digest`.
        pub repo_digests: List<String> = "RepoDigests",
        /// `name:tag`.
        pub repo_tags: List<String> = "RepoTags",
        /// Bytes shared with others; -1 when not counted.
        pub shared_size: i64 = "SharedSize",
        /// Bytes of all its layers.
        pub size: i64 = "Size",
        /// The same, before 1.44.
        pub virtual_size: i64 = "VirtualSize", omitempty,
    }
}

go_struct! {
    /// What a container of this image is by default (`DockerOCIImageConfig`): empty fields are left out.
    /// Before API 1.50 the answer has them all, like [`crate::container::Config`].
    pub struct ImageConfig {
        /// `user[:group]`.
        pub user: String = "User", omitempty,
        /// `port/protocol` as keys.
        pub exposed_ports: Map<Empty> = "ExposedPorts", omitempty,
        /// `NAME=value`.
        pub env: List<String> = "Env", omitempty,
        /// What is run before the command's words.
        pub entrypoint: List<String> = "Entrypoint", omitempty,
        /// The command.
        pub cmd: List<String> = "Cmd", omitempty,
        /// Paths of anonymous volumes.
        pub volumes: Map<Empty> = "Volumes", omitempty,
        /// Working directory.
        pub working_dir: String = "WorkingDir", omitempty,
        /// Labels.
        pub labels: Map<String> = "Labels", omitempty,
        /// Signal that `stop` sends first.
        pub stop_signal: String = "StopSignal", omitempty,
        /// Windows only.
        pub args_escaped: bool = "ArgsEscaped", omitempty,
        /// How health is checked.
        pub healthcheck: Option<HealthConfig> = "Healthcheck", omitempty,
        /// Triggers for images built on this one.
        pub on_build: List<String> = "OnBuild", omitempty,
        /// Shell of the shell forms.
        pub shell: List<String> = "Shell", omitempty,
    }
}

go_struct! {
    /// The layers of an image.
    pub struct RootFs {
        /// `layers`.
        pub kind: String = "Type", omitempty,
        /// Digests of the uncompressed layers, lowest first.
        pub layers: List<String> = "Layers", omitempty,
    }
}

go_struct! {
    /// What the engine knows beside the image.
    pub struct Metadata {
        /// RFC 3339 with nanoseconds; `0001-01-01T00:00:00Z` for never.
        pub last_tag_time: String = "LastTagTime", omitempty,
    }
}

go_struct! {
    /// Answer to `GET /images/NAME/json` (`image.InspectResponse`).
    pub struct ImageInspect {
        /// `sha256:…` of the configuration.
        pub id: String = "Id",
        /// `name:tag`; `[]` rather than `null`.
        pub repo_tags: Vec<String> = "RepoTags",
        /// `name@digest`; `[]` rather than `null`.
        pub repo_digests: Vec<String> = "RepoDigests",
        /// The image it was built on, or empty.
        pub parent: String = "Parent",
        /// Comment.
        pub comment: String = "Comment",
        /// RFC 3339 with nanoseconds.
        pub created: String = "Created", omitempty,
        /// Before 1.45 only.
        pub container: String = "Container", omitempty,
        /// Before 1.45 only.
        pub container_config: Option<Config> = "ContainerConfig", omitempty,
        /// Version of the engine that made it.
        pub docker_version: String = "DockerVersion",
        /// Author.
        pub author: String = "Author",
        /// What a container of it is by default.
        pub config: Option<ImageConfig> = "Config",
        /// Such as `amd64`.
        pub architecture: String = "Architecture",
        /// Variant of the architecture.
        pub variant: String = "Variant", omitempty,
        /// `linux`.
        pub os: String = "Os",
        /// Windows only.
        pub os_version: String = "OsVersion", omitempty,
        /// Bytes of all its layers.
        pub size: i64 = "Size",
        /// The same, before 1.44.
        pub virtual_size: i64 = "VirtualSize", omitempty,
        /// Its storage.
        pub graph_driver: DriverData = "GraphDriver",
        /// Its layers.
        pub root_fs: RootFs = "RootFS",
        /// What the engine knows beside the image.
        pub metadata: Metadata = "Metadata",
        /// The manifest, where the store keeps it.
        pub descriptor: Option<serde_json::Value> = "Descriptor", omitempty,
        /// Per platform, where asked for and kept.
        pub manifests: List<serde_json::Value> = "Manifests", omitempty,
    }
}

go_struct! {
    /// One element of `GET /images/NAME/history`, newest first.
    pub struct HistoryItem {
        /// Comment.
        pub comment: String = "Comment",
        /// Seconds since 1970.
        pub created: i64 = "Created",
        /// Command that made the layer.
        pub created_by: String = "CreatedBy",
        /// Id of the image, or `<missing>`.
        pub id: String = "Id",
        /// Bytes of the layer.
        pub size: i64 = "Size",
        /// `name:tag`.
        pub tags: List<String> = "Tags",
    }
}

go_struct! {
    /// One element of the answer to `DELETE /images/NAME`.
    pub struct DeleteItem {
        /// Id of an image that is gone.
        pub deleted: String = "Deleted", omitempty,
        /// Name that no longer points to an image.
        pub untagged: String = "Untagged", omitempty,
    }
}

go_struct! {
    /// Answer to `POST /images/prune`.
    pub struct PruneReport {
        /// What went.
        pub images_deleted: List<DeleteItem> = "ImagesDeleted",
        /// Bytes.
        pub space_reclaimed: u64 = "SpaceReclaimed",
    }
}
