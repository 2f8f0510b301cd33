//! What a container uses: `GET /containers/ID/stats`; and changed limits: `POST /containers/ID/update`.

use crate::container::{HostConfig, RestartPolicy};
use crate::{List, Map, go_struct};

go_struct! {
    /// One reading.
    pub struct StatsResponse {
        /// The container's name, with a slash.
        pub name: String = "name", omitempty,
        /// Its id.
        pub id: String = "id", omitempty,
        /// When, in RFC 3339 with nanoseconds.
        pub read: String = "read",
        /// When it was read before that.
        pub pre_read: String = "preread",
        /// Tasks.
        pub pids_stats: PidsStats = "pids_stats",
        /// Block devices.
        pub blkio_stats: BlkioStats = "blkio_stats",
        /// Windows only.
        pub num_procs: u32 = "num_procs",
        /// Windows only.
        pub storage_stats: StorageStats = "storage_stats",
        /// Processors.
        pub cpu_stats: CpuStats = "cpu_stats",
        /// Processors in the reading before.
        pub precpu_stats: CpuStats = "precpu_stats",
        /// Memory.
        pub memory_stats: MemoryStats = "memory_stats",
    }
}

go_struct! {
    /// Tasks.
    pub struct PidsStats {
        /// Now.
        pub current: u64 = "current", omitempty,
        /// The most that may be; `u64::MAX` for no limit.
        pub limit: u64 = "limit", omitempty,
    }
}

go_struct! {
    /// Windows only.
    pub struct StorageStats {
        /// Windows only.
        pub read_count_normalized: u64 = "read_count_normalized", omitempty,
    }
}

go_struct! {
    /// Processors.
    pub struct CpuStats {
        /// Time that was used.
        pub cpu_usage: CpuUsage = "cpu_usage",
        /// Time of the whole host, in nanoseconds.
        pub system_cpu_usage: u64 = "system_cpu_usage", omitempty,
        /// Processors of the host.
        pub online_cpus: u32 = "online_cpus", omitempty,
        /// What a quota held back.
        pub throttling_data: ThrottlingData = "throttling_data",
    }
}

go_struct! {
    /// Processor time in nanoseconds.
    pub struct CpuUsage {
        /// All of it.
        pub total_usage: u64 = "total_usage",
        /// By processor.
        pub percpu_usage: List<u64> = "percpu_usage", omitempty,
        /// In the kernel.
        pub usage_in_kernelmode: u64 = "usage_in_kernelmode",
        /// In programs.
        pub usage_in_usermode: u64 = "usage_in_usermode",
    }
}

go_struct! {
    /// What a quota held back.
    pub struct ThrottlingData {
        /// Periods that have passed.
        pub periods: u64 = "periods",
        /// Periods in which the quota was used up.
        pub throttled_periods: u64 = "throttled_periods",
        /// Nanoseconds that were waited.
        pub throttled_time: u64 = "throttled_time",
    }
}

go_struct! {
    /// Memory in bytes.
    pub struct MemoryStats {
        /// Used.
        pub usage: u64 = "usage", omitempty,
        /// The most that was used.
        pub max_usage: u64 = "max_usage", omitempty,
        /// The kernel's `memory.stat`.
        pub stats: Map<u64> = "stats", omitempty,
        /// How often the limit was hit.
        pub failcnt: u64 = "failcnt", omitempty,
        /// The limit; the host's memory where there is none.
        pub limit: u64 = "limit", omitempty,
    }
}

go_struct! {
    /// Block devices.
    pub struct BlkioStats {
        /// Bytes.
        pub io_service_bytes_recursive: List<BlkioEntry> = "io_service_bytes_recursive",
        /// Operations.
        pub io_serviced_recursive: List<BlkioEntry> = "io_serviced_recursive",
        /// Not told by today's kernels, as the following.
        pub io_queue_recursive: List<BlkioEntry> = "io_queue_recursive",
        /// Time of service.
        pub io_service_time_recursive: List<BlkioEntry> = "io_service_time_recursive",
        /// Time of waiting.
        pub io_wait_time_recursive: List<BlkioEntry> = "io_wait_time_recursive",
        /// Operations that were joined.
        pub io_merged_recursive: List<BlkioEntry> = "io_merged_recursive",
        /// Time.
        pub io_time_recursive: List<BlkioEntry> = "io_time_recursive",
        /// Sectors.
        pub sectors_recursive: List<BlkioEntry> = "sectors_recursive",
    }
}

go_struct! {
    /// A count of one device.
    pub struct BlkioEntry {
        /// Major number.
        pub major: u64 = "major",
        /// Minor number.
        pub minor: u64 = "minor",
        /// `read`, `write`, …
        pub op: String = "op",
        /// The count.
        pub value: u64 = "value",
    }
}

go_struct! {
    /// Limits that are to change. What is zero, or missing, stays.
    pub struct UpdateRequest {
        /// Relative share of processor time.
        pub cpu_shares: i64 = "CpuShares",
        /// Bytes of memory.
        pub memory: i64 = "Memory",
        /// Processors, in billionths.
        pub nano_cpus: i64 = "NanoCpus",
        /// Weight against other containers at block devices.
        pub blkio_weight: u16 = "BlkioWeight",
        /// Microseconds.
        pub cpu_period: i64 = "CpuPeriod",
        /// Microseconds within a period.
        pub cpu_quota: i64 = "CpuQuota",
        /// Microseconds.
        pub cpu_realtime_period: i64 = "CpuRealtimePeriod",
        /// Microseconds within a period.
        pub cpu_realtime_runtime: i64 = "CpuRealtimeRuntime",
        /// A list of processors.
        pub cpuset_cpus: String = "CpusetCpus",
        /// A list of memory nodes.
        pub cpuset_mems: String = "CpusetMems",
        /// Bytes of memory that are kept for it.
        pub memory_reservation: i64 = "MemoryReservation",
        /// Bytes of memory and swap; -1 for no limit.
        pub memory_swap: i64 = "MemorySwap",
        /// Most tasks; 0 or -1 for no limit.
        pub pids_limit: Option<i64> = "PidsLimit",
        /// When it is started again.
        pub restart_policy: RestartPolicy = "RestartPolicy",
    }
}

impl UpdateRequest {
    /// The limits as part of a host configuration.
    pub fn resources(&self) -> HostConfig {
        HostConfig {
            cpu_shares: self.cpu_shares,
            memory: self.memory,
            nano_cpus: self.nano_cpus,
            blkio_weight: self.blkio_weight,
            cpu_period: self.cpu_period,
            cpu_quota: self.cpu_quota,
            cpu_realtime_period: self.cpu_realtime_period,
            cpu_realtime_runtime: self.cpu_realtime_runtime,
            cpuset_cpus: self.cpuset_cpus.clone(),
            cpuset_mems: self.cpuset_mems.clone(),
            memory_reservation: self.memory_reservation,
            memory_swap: self.memory_swap,
            pids_limit: self
                .pids_limit
                .map(|limit| if limit == 0 { -1 } else { limit }),
            ..HostConfig::default()
        }
    }
}

go_struct! {
    /// Answer to an update.
    pub struct UpdateResponse {
        /// What was left out.
        pub warnings: List<String> = "Warnings",
    }
}
