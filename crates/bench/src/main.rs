//! Benchmarks of the whole path of a turn and of a sign-in, in one process and on a real disk.
//!
//! `make bench` prints a table and writes `bench/report.json`, a flat object of named figures from
//! one run. A turn here is: request routed, state durable, activity readable; there are no sockets
//! in between, so these are the server's own costs. CPU time is this process's own.

use std::{collections::BTreeMap, path::Path, time::Instant};

use serde_json::{Value, json};
use testkit::{Chat, Files, World};

/// Turns of each measurement.
const TURNS: usize = 2_000;
/// Sign-ins, from the prompt to the flow's next words.
const SIGN_INS: usize = 200;

const ECHO: &str = "  - id: ask\n    ask: { into: answer }\n  - id: echo\n    message: \"{{ answer }}\"\n    next: ask\n";

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut report = BTreeMap::new();
    let world =
        World::with(Files::examples().agent("echo", "variables: { answer: null }", ECHO)).await;
    for at_once in [1, 16, 64] {
        let measured = turns(&world, at_once).await;
        report.insert(format!("turns_per_s_{at_once}"), measured.per_second());
        if at_once == 64 {
            report.insert("cpu_us_per_turn".to_owned(), measured.cpu_us());
        }
    }
    let measured = sign_ins(&world).await;
    report.insert("sign_ins_per_s_1".to_owned(), measured.per_second());
    report.insert("cpu_us_per_sign_in".to_owned(), measured.cpu_us());
    for (name, figure) in &report {
        println!("{name:<24}{figure:>12.0}");
    }
    write(&report)
}

/// What `count` of something cost.
struct Measured {
    count: usize,
    seconds: f64,
    cpu_seconds: f64,
}

impl Measured {
    fn per_second(&self) -> f64 {
        as_f64(self.count) / self.seconds
    }

    fn cpu_us(&self) -> f64 {
        self.cpu_seconds * 1e6 / as_f64(self.count)
    }
}

/// Turns of an echo flow, `at_once` conversations talking at the same time.
async fn turns(world: &World, at_once: usize) -> Measured {
    let mut chats = Vec::new();
    for _ in 0..at_once {
        chats.push(world.browser().chat("acme", "echo").await);
    }
    let each = TURNS / at_once;
    measure(each * at_once, async {
        let talks = chats.into_iter().map(|chat| tokio::spawn(talk(chat, each)));
        for talk in talks.collect::<Vec<_>>() {
            talk.await.unwrap_or_default();
        }
    })
    .await
}

async fn talk(chat: Chat, turns: usize) {
    for turn in 0..turns {
        let activity = json!({ "type": "message", "text": format!("turn {turn}") });
        let answer = chat.post(&activity).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
}

/// Whole sign-ins of the travel agent, the provider's own work included.
async fn sign_ins(world: &World) -> Measured {
    measure(SIGN_INS, async {
        for _ in 0..SIGN_INS {
            let mut chat = world.browser().chat("acme", "travel").await;
            chat.sign_in("ann").await;
        }
    })
    .await
}

async fn measure(count: usize, work: impl Future<Output = ()>) -> Measured {
    let (began, cpu) = (Instant::now(), cpu_seconds());
    work.await;
    Measured {
        count,
        seconds: began.elapsed().as_secs_f64(),
        cpu_seconds: cpu_seconds() - cpu,
    }
}

/// User and system time of this process (proc(5): fields 14 and 15, in hundredths of a second).
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks = after_name.split_whitespace().skip(11).take(2);
    ticks
        .filter_map(|field| field.parse::<f64>().ok())
        .sum::<f64>()
        / 100.0
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts of a benchmark are small"
)]
fn as_f64(count: usize) -> f64 {
    count as f64
}

fn write(report: &BTreeMap<String, f64>) -> Result<(), Box<dyn std::error::Error>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../bench");
    std::fs::create_dir_all(&folder)?;
    let rounded: BTreeMap<&String, Value> = report
        .iter()
        .map(|(name, figure)| (name, json!(figure.round())))
        .collect();
    let text = serde_json::to_string_pretty(&rounded)?;
    std::fs::write(folder.join("report.json"), text + "\n")?;
    Ok(())
}
