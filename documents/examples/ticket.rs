//! Writes the sample tickets as files into a folder, or measures how long rendering takes.
//!
//!     cargo run -p documents --example ticket -- write <folder>
//!     cargo run -p documents --profile production --example ticket -- measure

use documents::{DocumentLanguage, TicketDocument, samples};
use std::{path::Path, time::Instant};

const RUNS: usize = 400;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["write", folder] => write(Path::new(folder)),
        ["measure"] => measure(),
        _ => Err("either `write <folder>` or `measure`".into()),
    }
}

fn write(folder: &Path) -> Result<(), Box<dyn std::error::Error>> {
    for (name, ticket) in [("round-trip", samples::round_trip()), ("large-party", samples::large_party())] {
        for language in DocumentLanguage::ALL {
            let ticket = TicketDocument { language, ..ticket.clone() };
            let file = folder.join(format!("{name}.{}", language.tag()));
            std::fs::write(file.with_added_extension("pdf"), documents::ticket_pdf(&ticket)?)?;
            let calendar = documents::calendar(&ticket);
            std::fs::write(file.with_added_extension("ics"), calendar)?;
        }
    }
    Ok(())
}

fn measure() -> Result<(), Box<dyn std::error::Error>> {
    let (round_trip, large) = (samples::round_trip(), samples::large_party());
    let mut one = round_trip.clone();
    one.passengers.truncate(1);
    one.segments.truncate(1);
    for (name, ticket, runs) in
        [("1 passenger, 1 segment", one, RUNS), ("2 x 2", round_trip, RUNS), ("9 x 6", large, RUNS / 10)]
    {
        let size = documents::ticket_pdf(&ticket)?.len();
        let mut times = Vec::with_capacity(runs);
        for _ in 0..runs {
            let start = Instant::now();
            documents::ticket_pdf(&ticket)?;
            times.push(start.elapsed().as_secs_f64() * 1000.0);
        }
        times.sort_by(f64::total_cmp);
        let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
        println!("{name}: {size} bytes, p50 {:.2} ms, p99 {:.2} ms", at(0.5), at(0.99));
    }
    Ok(())
}
