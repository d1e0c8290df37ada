//! Figures, on demand: `cargo nextest run -p sekisho-jail --run-ignored only --no-capture measure`.

use std::time::{Duration, Instant};

use sekisho::memory::SealedMemory;
use sekisho::scan::jail::{DecodeLimits, FileKind};
use zune_core::bytestream::ZCursor;

use super::samples;

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement"]
async fn cost_of_the_jail_and_of_decoding() {
    let jail = super::jail().await;
    let note = SealedMemory::from_bytes(b"hello").unwrap();
    let mut looks = Vec::new();
    for _ in 0..200 {
        let begin = Instant::now();
        jail.look(&note).await.unwrap();
        looks.push(begin.elapsed());
    }
    println!("look at five bytes, back to back: {:?}", median(looks));
    let mut looks = Vec::new();
    for _ in 0..100 {
        tokio::time::sleep(Duration::from_millis(10)).await;
        let begin = Instant::now();
        jail.look(&note).await.unwrap();
        looks.push(begin.elapsed());
    }
    println!("look at five bytes, one every ten milliseconds: {:?}", median(looks));
    let p3 = moxcms::ColorProfile::new_display_p3().encode().unwrap();
    for (name, orientation, profile) in
        [("plain", None, None), ("turned", Some(6), None), ("display p3", None, Some(&p3[..]))]
    {
        let file = samples::noise(4000, 3000, orientation, profile);
        let sealed = SealedMemory::from_bytes(&file).unwrap();
        let (mut jailed, mut bare) = (Vec::new(), Vec::new());
        for _ in 0..9 {
            let begin = Instant::now();
            jail.decode(&sealed, FileKind::Jpeg, &DecodeLimits::default()).await.unwrap();
            jailed.push(begin.elapsed());
            let begin = Instant::now();
            zune_jpeg::JpegDecoder::new(ZCursor::new(&file)).decode().unwrap();
            bare.push(begin.elapsed());
        }
        let mut looks = Vec::new();
        for _ in 0..9 {
            let begin = Instant::now();
            jail.look(&sealed).await.unwrap();
            looks.push(begin.elapsed());
        }
        println!(
            "{name}, {} kB: jailed {:?}, bare decoder {:?}, look {:?}",
            file.len() / 1000,
            median(jailed),
            median(bare),
            median(looks)
        );
    }
}
