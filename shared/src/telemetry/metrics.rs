//! Prometheus metrics: one recorder a process.

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use std::sync::OnceLock;

static RECORDER: OnceLock<PrometheusHandle> = OnceLock::new();

/// Upper bounds of the latency histograms, seconds.
const BUCKETS: [f64; 12] = [0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];

/// Installs the recorder of this process, once; later calls give the same.
///
/// # Panics
/// If another metrics recorder was installed by somebody else, which is an error of ours.
pub fn recorder() -> &'static PrometheusHandle {
    RECORDER.get_or_init(|| {
        let builder = PrometheusBuilder::new();
        let builder = builder.set_buckets(&BUCKETS).unwrap_or_else(|_| unreachable!("the list is not empty"));
        builder
            .install_recorder()
            .unwrap_or_else(|error| panic!("another metrics recorder is installed: {error}"))
    })
}

/// All metrics in the Prometheus text format, with the memory of this process as it is now.
#[must_use]
pub fn render() -> String {
    let recorder = recorder();
    if let Some(bytes) = super::memory::resident_bytes() {
        #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52")]
        metrics::gauge!("process_resident_memory_bytes").set(bytes as f64);
    }
    recorder.render()
}

/// Bounds the memory of histograms; call every few seconds.
pub fn run_upkeep() {
    recorder().run_upkeep();
}
