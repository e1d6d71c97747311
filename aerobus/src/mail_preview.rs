//! `aerobus mail preview`: writes every letter in each language, as files and as pictures.

use crate::{browser::Browser, cli::MailPreviewOptions};
use anyhow::Context;
use futures_util::{StreamExt, TryStreamExt, stream};
use mailer::preview::{self, PreviewedLetter};
use std::{fs, path::Path, thread::available_parallelism};

/// The widths of the pictures, pixels: a telephone, and a window of a mail client.
const WIDTHS: [u32; 2] = [390, 640];

/// Writes the letters, and says where they are.
///
/// # Errors
/// When a file cannot be written, or a browser that is there takes no picture.
pub async fn run(options: MailPreviewOptions) -> anyhow::Result<()> {
    let (letters, folder) = (preview::letters(&options.public_url)?, &options.out);
    fs::create_dir_all(folder).with_context(|| format!("{} cannot be created", folder.display()))?;
    for letter in &letters {
        write(folder, letter).with_context(|| format!("{} cannot be written", letter.name))?;
    }
    println!("{} letters are written into {}", letters.len(), folder.display());
    if options.without_pictures {
        return Ok(());
    }
    let Some(browser) = Browser::find(options.browser) else {
        println!("There are no pictures, because no Chromium was found.");
        println!(
            "`./dev mail preview` installs it on Debian and Ubuntu; elsewhere install it, or name it by --browser."
        );
        return Ok(());
    };
    // What the browser keeps stays out of the way of the letters.
    let scratch = folder.join(".pictures");
    fs::create_dir_all(&scratch)?;
    let scratch = fs::canonicalize(scratch)?;
    let at_once = available_parallelism().map_or(1, usize::from);
    let pictures = letters.iter().map(|letter| take_pictures(&browser, letter, folder, &scratch));
    let taken: anyhow::Result<Vec<usize>> =
        stream::iter(pictures).buffer_unordered(at_once).try_collect().await;
    fs::remove_dir_all(&scratch)?;
    println!("{} pictures stand beside them", taken?.iter().sum::<usize>());
    Ok(())
}

/// Writes the files of a letter.
fn write(folder: &Path, letter: &PreviewedLetter) -> std::io::Result<()> {
    let file = |end: &str| folder.join(format!("{}.{end}", letter.name));
    fs::write(file("html"), &letter.html)?;
    fs::write(file("txt"), format!("{}\n\n{}", letter.subject, letter.text))?;
    fs::write(file("eml"), &letter.eml)?;
    for (name, bytes) in &letter.attachments {
        fs::write(file(name), bytes)?;
    }
    Ok(())
}

/// Takes the pictures of a letter, in each width, light and dark; gives their number.
async fn take_pictures(
    browser: &Browser,
    letter: &PreviewedLetter,
    folder: &Path,
    scratch: &Path,
) -> anyhow::Result<usize> {
    let own = scratch.join(&letter.name);
    fs::create_dir_all(&own)?;
    let page = own.join("page.html");
    let mut taken = 0;
    for width in WIDTHS {
        fs::write(&page, framed(&letter.html, width))?;
        let height = browser.height(&page, &own).await?;
        for dark in [false, true] {
            let shade = if dark { "dark" } else { "light" };
            let picture = folder.join(format!("{}.{width}.{shade}.png", letter.name));
            browser.take(&page, &own, &picture, (width, height), dark).await?;
            taken += 1;
        }
    }
    Ok(taken)
}

/// A page that shows a letter in a frame of a width, because a browser's window has a least width, and that tells the
/// letter's height by its title.
fn framed(html: &str, width: u32) -> String {
    let escaped = html.replace('&', "&amp;").replace('"', "&quot;");
    format!(
        "<!doctype html><html style=\"color-scheme: light dark\"><head><meta charset=\"utf-8\"></head><body style=\"margin:0\">\
         <iframe id=\"letter\" style=\"display:block;border:0;width:{width}px;height:40px\" srcdoc=\"{escaped}\"></iframe>\
         <script>onload = () => {{\
         const height = document.getElementById(\"letter\").contentDocument.documentElement.scrollHeight;\
         document.getElementById(\"letter\").style.height = height + \"px\";\
         document.title = \"height:\" + height;\
         }}</script></body></html>"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    #[test]
    fn a_letter_stays_in_its_frame() {
        let page = framed("<p title=\"a\">&amp; \"b\"</p>", 390);
        assert!(page.contains("srcdoc=\"<p title=&quot;a&quot;>&amp;amp; &quot;b&quot;</p>\""), "{page}");
        assert!(page.contains("width:390px"));
    }

    #[actix_web::test]
    async fn the_files_are_written_where_there_is_no_browser() {
        let folder = tempfile::tempdir().unwrap();
        let options = |browser: Option<PathBuf>| MailPreviewOptions {
            out: folder.path().join("letters"),
            public_url: "https://fly.aerobus.example".to_owned(),
            browser,
            without_pictures: true,
        };
        run(options(None)).await.unwrap();
        let letter = |end: &str| folder.path().join("letters").join(format!("booking_confirmed.de.{end}"));
        for end in ["html", "txt", "eml", "ticket.pdf", "calendar.ics"] {
            assert!(letter(end).is_file(), "{end}");
        }
        let missing = Browser::find(Some("/no/such/browser".into())).unwrap();
        let picture = folder.path().join("a.png");
        let refused = missing.take(&letter("html"), folder.path(), &picture, (390, 40), false).await;
        assert!(refused.unwrap_err().to_string().contains("/no/such/browser"));
    }
}
