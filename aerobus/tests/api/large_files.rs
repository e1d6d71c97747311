//! Files of 100 MB: refused, and not read beyond the limit, by the gateway and by the service itself.

use crate::system::RunningSystem;
use awc::http::Method;
use testkit::RawConnection;

const LARGE: usize = 100_000_000;
/// The contract's limit of an import.
const LIMIT: usize = 32 << 20;
/// What the kernel may hold beside the bytes that a server has read: Linux grows a reader's buffer to 32 MiB, a writer's to 4.
const BUFFERS: usize = 40 << 20;
const PATH: &str = "/api/v1/admin/cities/import";

/// The lines of a file that never stands in memory: 100 MB of cities.
fn lines() -> impl Iterator<Item = Vec<u8>> {
    let part = "ABC,A city that is far away,GB,Europe/London\n".repeat(1500).into_bytes();
    let parts = LARGE.div_ceil(part.len());
    std::iter::once(b"code,name,country,time_zone\n".to_vec()).chain(std::iter::repeat_n(part, parts))
}

fn chunk(part: Vec<u8>) -> Vec<u8> {
    let mut chunk = format!("{:x}\r\n", part.len()).into_bytes();
    chunk.extend(part);
    chunk.extend(b"\r\n");
    chunk
}

#[actix_web::test]
async fn a_file_of_100_megabytes_is_refused_within_bounded_memory() {
    let system = RunningSystem::with(None, false).await;
    let token = system.administrator_token().await;
    let admin = system.administrator().await;
    for name in ["gateway", "flight"] {
        let base = format!("http://{}", system.services.address(name));
        let head = |framing: &str| {
            format!(
                "POST {PATH} HTTP/1.1\r\nhost: test\r\nauthorization: Bearer {token}\r\ncontent-type: text/csv\r\n\
                 {framing}\r\n\r\n"
            )
        };
        // Its head says how long it is: nothing of it is waited for.
        let mut declared = RawConnection::open(&base).await;
        declared.send(head(&format!("content-length: {LARGE}")).as_bytes()).await;
        let sent = declared.send_until_answered(lines()).await;
        let refused = declared.until("payload_too_large").await;
        assert_eq!(refused.status(), "413", "{name}");
        assert!(sent < BUFFERS, "{name} took {sent} bytes");
        // Only its bytes tell.
        let mut chunked = RawConnection::open(&base).await;
        chunked.send(head("transfer-encoding: chunked").as_bytes()).await;
        let sent = chunked.send_until_answered(lines().map(chunk)).await;
        let refused = chunked.until("payload_too_large").await;
        assert_eq!(refused.status(), "413", "{name}");
        assert!((LIMIT..LIMIT + BUFFERS).contains(&sent), "{name} took {sent} bytes");
        // What they had taken is free again.
        let small = b"code,name,country,time_zone\nABC,A city,GB,Europe/London\n".to_vec();
        let imported = admin.at(&base).send(Method::POST, PATH, "text/csv", Some(small)).await;
        imported.expect(200);
    }
    system.stop().await;
}
