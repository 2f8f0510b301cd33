//! The interpreter's side of a case.

use glassdock_cpu::{AddressSpace, Cpu, Exit, Frames, Prot, Sharing};
use glassdock_cpu_oracle::{CODE, CODE_LEN, DATA, DATA_LEN};

use super::Outcome;
use super::generate::Case;

/// The interpreter with the same memory as the traced child.
pub struct Interpreter {
    frames: Frames,
    space: AddressSpace,
    code: Vec<u8>,
    /// The child's RFLAGS.ID, which cannot be set through ptrace.
    pub id: u64,
}

impl Interpreter {
    pub fn new() -> Interpreter {
        let mut frames = Frames::new(64);
        let mut space = AddressSpace::new();
        let mut map = |from: u64, len: usize, prot: Prot| {
            for i in 0..len as u64 / 4096 {
                let frame = frames.alloc_zeroed().expect("a frame");
                space
                    .map(&mut frames, from + 4096 * i, frame, prot, Sharing::Private)
                    .expect("a page");
            }
        };
        map(CODE, CODE_LEN, Prot::all());
        map(DATA, DATA_LEN, Prot::READ | Prot::WRITE);
        Interpreter {
            frames,
            space,
            code: Vec::new(),
            id: 0,
        }
    }

    pub fn run(&mut self, case: &Case) -> Outcome {
        if self.code != case.code {
            self.space
                .write(&mut self.frames, CODE, &case.code)
                .expect("code");
            self.code = case.code.clone();
        }
        self.space
            .write(&mut self.frames, DATA, &case.data)
            .expect("data");
        let r = &case.regs;
        let mut cpu = Cpu::new();
        cpu.gpr = r.gpr;
        cpu.rip = r.rip;
        cpu.fs_base = r.fs_base;
        cpu.gs_base = r.gs_base;
        cpu.set_rflags(r.rflags | self.id);
        assert!(cpu.fxrstor(&r.fx), "a valid image");
        let run = cpu.run(&mut self.space, &mut self.frames, 200_000);
        let mut data = vec![0; DATA_LEN];
        self.space
            .read(&self.frames, DATA, &mut data)
            .expect("data");
        self.code.clear();
        let (signal, general) = signal(run.exit);
        Outcome {
            signal,
            general,
            gpr: cpu.gpr,
            rip: cpu.rip,
            rflags: cpu.rflags(),
            fx: cpu.fxsave(),
            data,
        }
    }
}

/// The signal that Linux makes of an exit, and whether a SIGSEGV is one of no particular page.
fn signal(exit: Exit) -> (i32, bool) {
    let signal = match exit {
        Exit::Breakpoint | Exit::DebugTrap => 5,
        Exit::PageFault(_) | Exit::GeneralProtection => 11,
        Exit::StackFault | Exit::AlignmentCheck => 7,
        Exit::InvalidOpcode => 4,
        Exit::DivideError | Exit::SimdException { .. } | Exit::X87Exception { .. } => 8,
        Exit::Syscall | Exit::Budget => 0,
    };
    (signal, exit == Exit::GeneralProtection)
}
