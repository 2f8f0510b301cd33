//! A container's root: the layers of its own on disk, and overlayfs over them (moby `daemon/graphdriver/overlay2`,
//! `layer/layer_store.go`, `daemon/initlayer`).

use super::{Container, RwLayer};
use crate::engine::{Engine, Kernel, system};
use crate::error::{ApiError, Result};
use crate::images::Image;
use crate::names;
use glassdock_abi::call::Call;
use glassdock_abi::flags::{MountFlags, OpenFlags, ResolveFlags, UmountFlags};
use glassdock_abi::types::OpenHow;
use glassdock_abi::{Errno, Fd, Io, OwnedFd, PathArg};
use glassdock_image::fs;

/// Longest option text that `mount` takes: a page, and the NUL.
const MAX_MOUNT_DATA: usize = 4095;

/// What is found in every container, whatever its image has: the runtime mounts over these.
const INIT_DIRS: [&str; 4] = ["dev/pts", "dev/shm", "proc", "sys"];
const INIT_FILES: [&str; 5] = [
    ".dockerenv",
    "etc/resolv.conf",
    "etc/hosts",
    "etc/hostname",
    "dev/console",
];
const INIT_LINKS: [(&str, &str); 1] = [("etc/mtab", "/proc/mounts")];

impl<S: Kernel> Engine<S> {
    /// Makes the two layers of a new container. After an error nothing is left.
    pub(crate) async fn create_rw_layer(&self, id: &str, image: &Image) -> Result<RwLayer> {
        let mount_id = names::random_id(&self.sys)
            .await
            .map_err(system("getrandom"))?;
        let mut layers = RwLayer {
            mount_id,
            parent: image.chain().pop(),
            ..RwLayer::default()
        };
        let result = self.fill_rw_layer(id, &mut layers).await;
        if result.is_err() {
            let _ = self.remove_rw_layer(id, &layers).await;
        }
        result.map(|()| layers)
    }

    async fn fill_rw_layer(&self, id: &str, layers: &mut RwLayer) -> Result<()> {
        let image_lower = self.lower_links(layers.parent.as_ref())?;
        let init_id = format!("{}-init", layers.mount_id);
        let init = self.overlay_path(&init_id);
        self.make_layer_dir(&init).await?;
        layers.init_link = self
            .furnish_layer(&init, &init_id, image_lower.as_deref())
            .await?;
        self.fill_init_layer(&init, image_lower.as_deref()).await?;
        fs::write_file(&self.sys, &init.join("committed"), b"", 0o600).await?;
        let mut lower = format!("l/{}", layers.init_link);
        lower.extend(image_lower.iter().flat_map(|image| [":", image]));
        let top = self.overlay_path(&layers.mount_id);
        self.make_layer_dir(&top).await?;
        layers.link = self
            .furnish_layer(&top, &layers.mount_id, Some(&lower))
            .await?;
        let merged = top.join("merged");
        self.sys
            .mkdirat(Fd::CWD, merged, 0o700)
            .await
            .map_err(system("mkdir merged"))?;
        let entry = self.image_path("layerdb/mounts").join(id);
        fs::create_dir_all(&self.sys, &entry, 0o755).await?;
        let parent = layers
            .parent
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default();
        for (name, text) in [
            ("mount-id", &layers.mount_id),
            ("init-id", &init_id),
            ("parent", &parent),
        ] {
            fs::write_file(&self.sys, &entry.join(name), text.as_bytes(), 0o644).await?;
        }
        Ok(())
    }

    /// Makes what the image lacks of the common files. The image has to be seen for that, so it is mounted.
    async fn fill_init_layer(&self, init: &PathArg, lower: Option<&str>) -> Result<()> {
        let Some(lower) = lower else {
            let diff = fs::open_dir(&self.sys, &init.join("diff")).await?;
            return self.init_files(diff.fd()).await;
        };
        let merged = init.join("merged");
        self.sys
            .mkdirat(Fd::CWD, merged.clone(), 0o700)
            .await
            .map_err(system("mkdir merged"))?;
        // Unmounting it must not wait until all that anybody wrote to that disk is on it: what is made here is no more
        // than names, and `committed` follows them into the journal.
        self.mount_overlay(init, lower, &merged, ",volatile")
            .await?;
        let made = match fs::open_dir(&self.sys, &merged).await {
            Ok(root) => self.init_files(root.fd()).await,
            Err(error) => Err(error.into()),
        };
        self.unmount(&merged).await?;
        fs::remove_path(&self.sys, &merged).await?;
        made
    }

    async fn init_files(&self, root: Fd) -> Result<()> {
        for path in INIT_DIRS {
            self.make_dirs_in_root(root, path, 0o755).await?;
        }
        for path in INIT_FILES {
            let (dir, name) = self.parent_in_root(root, path).await?;
            let flags =
                OpenFlags::WRONLY | OpenFlags::CREAT | OpenFlags::EXCL | OpenFlags::NOFOLLOW;
            match self.sys.openat(dir.fd(), name.into(), flags, 0o755).await {
                Ok(_) | Err(Errno::EEXIST) => {}
                Err(errno) => return Err(system(format_args!("create /{path}"))(errno)),
            }
        }
        for (path, target) in INIT_LINKS {
            let (dir, name) = self.parent_in_root(root, path).await?;
            let call = Call::Symlinkat {
                target: target.into(),
                newdirfd: dir.fd(),
                linkpath: name.into(),
            };
            match self.sys.call(call).await {
                Ok(_) | Err(Errno::EEXIST) => {}
                Err(errno) => return Err(system(format_args!("symlink /{path}"))(errno)),
            }
        }
        Ok(())
    }

    async fn parent_in_root<'p>(&self, root: Fd, path: &'p str) -> Result<(OwnedFd<S>, &'p str)> {
        let (parent, name) = path.rsplit_once('/').unwrap_or(("", path));
        Ok((self.make_dirs_in_root(root, parent, 0o755).await?, name))
    }

    /// Makes a directory inside a root and those above it, and opens it as a place. No link leads out of the root.
    pub(crate) async fn make_dirs_in_root(
        &self,
        root: Fd,
        path: &str,
        mode: u32,
    ) -> Result<OwnedFd<S>> {
        if let Ok(there) = fs::open_dir_in_root(&self.sys, root, path.as_bytes()).await {
            return Ok(there);
        }
        let fail = |errno: Errno| system(format_args!("mkdir /{path}"))(errno);
        let mut dir = fs::open_dir_in_root(&self.sys, root, b"")
            .await
            .map_err(fail)?;
        let mut done = String::new();
        for part in path.split('/').filter(|part| !part.is_empty()) {
            match self.sys.mkdirat(dir.fd(), part.into(), mode).await {
                Ok(()) | Err(Errno::EEXIST) => {}
                Err(errno) => return Err(fail(errno)),
            }
            done = format!("{done}/{part}");
            let how = OpenHow {
                flags: OpenFlags::PATH | OpenFlags::DIRECTORY | OpenFlags::CLOEXEC,
                mode: 0,
                resolve: ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS,
            };
            dir = self
                .sys
                .openat2(root, done.as_str().into(), how)
                .await
                .map_err(fail)?;
        }
        Ok(dir)
    }

    /// The container's root when it is mounted.
    pub(crate) fn rootfs(&self, layers: &RwLayer) -> PathArg {
        self.overlay_path(&layers.mount_id).join("merged")
    }

    /// Bytes of a container's own layer, and of all that it sees with it.
    ///
    /// # Errors
    /// 500 where the layer cannot be read.
    pub async fn container_sizes(&self, container: &Container<S>) -> Result<(i64, i64)> {
        let layers = container.with(|inner| inner.layers.clone());
        let own = self.overlay_path(&layers.mount_id).join("diff");
        let own = fs::tree_size(&self.sys, &own).await?;
        let parent = layers.parent.as_ref();
        let below = self
            .shared
            .images
            .with(|tables| tables.size_down_from(parent));
        let bytes = |size: u64| i64::try_from(size).unwrap_or(i64::MAX);
        Ok((bytes(own), bytes(own.saturating_add(below))))
    }

    /// Mounts a container's root.
    pub(crate) async fn mount_rootfs(&self, container: &Container<S>) -> Result<PathArg> {
        let layers = container.with(|inner| inner.layers.clone());
        let mut lower = format!("l/{}", layers.init_link);
        let image = self.lower_links(layers.parent.as_ref())?;
        lower.extend(image.iter().flat_map(|image| [":", image]));
        let merged = self.rootfs(&layers);
        match self.sys.mkdirat(Fd::CWD, merged.clone(), 0o700).await {
            Ok(()) | Err(Errno::EEXIST) => {}
            Err(errno) => return Err(system("mkdir merged")(errno)),
        }
        self.mount_overlay(&self.overlay_path(&layers.mount_id), &lower, &merged, "")
            .await?;
        Ok(merged)
    }

    /// Unmounts a container's root; that it is not mounted is no error.
    pub(crate) async fn unmount_rootfs(&self, container: &Container<S>) -> Result<()> {
        let merged = container.with(|inner| self.rootfs(&inner.layers));
        self.unmount(&merged).await
    }

    /// Mounts overlayfs with the layer in `dir` on top; `more` are further options with their commas.
    async fn mount_overlay(
        &self,
        dir: &PathArg,
        lower: &str,
        target: &PathArg,
        more: &str,
    ) -> Result<()> {
        let overlay = self.path("overlay2");
        let lower: Vec<String> = lower
            .split(':')
            .map(|link| overlay.join(link).to_string())
            .collect();
        let (upper, work) = (dir.join("diff"), dir.join("work"));
        let data = format!(
            "lowerdir={},upperdir={upper},workdir={work}{more}",
            lower.join(":")
        );
        if data.len() > MAX_MOUNT_DATA {
            let count = lower.len();
            return Err(ApiError::system(format!(
                "the image has too many layers to be mounted at once: {count}"
            )));
        }
        let mount = self.sys.mount(
            "overlay".into(),
            target.clone(),
            "overlay",
            MountFlags::empty(),
            data.into_bytes(),
        );
        mount.await.map_err(system(format_args!(
            "error creating overlay mount to {target}"
        )))
    }

    async fn unmount(&self, target: &PathArg) -> Result<()> {
        match self.sys.umount2(target.clone(), UmountFlags::DETACH).await {
            Ok(()) | Err(Errno::EINVAL | Errno::ENOENT) => Ok(()),
            Err(errno) => Err(system(format_args!("unmount {target}"))(errno)),
        }
    }

    /// Unmounts all that is mounted in a place: a run of the engine that was cut short may have left several there.
    pub(crate) async fn unmount_all(&self, target: &PathArg) -> Result<()> {
        while self
            .sys
            .umount2(target.clone(), UmountFlags::DETACH)
            .await
            .is_ok()
        {}
        self.unmount(target).await
    }

    /// Removes a container's layers.
    pub(crate) async fn remove_rw_layer(&self, id: &str, layers: &RwLayer) -> Result<()> {
        self.unmount(&self.rootfs(layers)).await?;
        let init_id = format!("{}-init", layers.mount_id);
        self.unmount(&self.overlay_path(&init_id).join("merged"))
            .await?;
        fs::remove_path(&self.sys, &self.image_path("layerdb/mounts").join(id)).await?;
        self.remove_layer_dir(&layers.mount_id, &layers.link)
            .await?;
        self.remove_layer_dir(&init_id, &layers.init_link).await
    }
}
