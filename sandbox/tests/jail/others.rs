//! Pixels against those of decoders that share nothing with ours: libavif's, libheif's, libtiff's, netpbm's.

use std::path::Path;
use std::process::Command;

use sekisho::memory::SealedMemory;
use sekisho::scan::jail::{DecodeLimits, Decoded, DecodedImage, FileKind, Jail};
use sekisho_encoder::{Pixels as _, for_each_row};

/// Rows of RGB.
struct Picture {
    width: usize,
    height: usize,
    rgb: Vec<u8>,
}

impl Picture {
    /// A picture with slopes and edges of every direction.
    fn made(width: usize, height: usize) -> Self {
        let pixel = |x: usize, y: usize| {
            let (fx, fy) = (x * 255 / width, y * 255 / height);
            let edge = if (x / 16 + y / 16).is_multiple_of(2) { 40 } else { 0 };
            [fx * 4 / 5 + edge, fy * 4 / 5 + edge, (510 - fx - fy) * 2 / 5 + edge].map(|v| v as u8)
        };
        let rgb = (0..height).flat_map(|y| (0..width).flat_map(move |x| pixel(x, y))).collect();
        Self { width, height, rgb }
    }

    fn to_ppm(&self) -> Vec<u8> {
        [format!("P6\n{} {}\n255\n", self.width, self.height).as_bytes(), &self.rgb].concat()
    }

    /// The same with sixteen bits a sample, the lower eight of which are not the upper ones.
    fn to_wide_ppm(&self) -> Vec<u8> {
        let words = self.rgb.iter().zip(0u8..=255u8).map(|(high, low)| [*high, low]);
        let rest = self.rgb.iter().skip(256).map(|high| [*high, 77]);
        let samples: Vec<u8> = words.chain(rest).flatten().collect();
        [format!("P6\n{} {}\n65535\n", self.width, self.height).as_bytes(), &samples].concat()
    }

    /// Reads the PBM, PGM or PPM that a program wrote.
    fn from_pnm(bytes: &[u8]) -> Self {
        let mut rest = bytes;
        let mut word = || {
            let len = rest.iter().position(u8::is_ascii_whitespace).unwrap();
            let word = String::from_utf8(rest[..len].to_vec()).unwrap();
            rest = &rest[len + 1..];
            word
        };
        let magic = word();
        let (width, height) = (word().parse().unwrap(), word().parse().unwrap());
        let most = if magic == "P4" { "1".to_owned() } else { word() };
        let samples: Vec<u8> = match most.as_str() {
            "1" | "255" => rest.to_vec(),
            "65535" => {
                let words = rest.as_chunks::<2>().0.iter().copied().map(u16::from_be_bytes);
                words.map(|word| ((u32::from(word) * 255 + 32_767) / 65_535) as u8).collect()
            }
            other => panic!("{other}"),
        };
        let rgb = match magic.as_str() {
            "P6" => samples,
            "P5" => samples.iter().flat_map(|value| [*value; 3]).collect(),
            "P4" => {
                let stride = usize::div_ceil(width, 8);
                let white = |x: usize, y: usize| rest[y * stride + x / 8] >> (7 - x % 8) & 1 == 0;
                let places = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
                places.flat_map(|(x, y)| [if white(x, y) { 255 } else { 0 }; 3]).collect()
            }
            other => panic!("{other}"),
        };
        Self { width, height, rgb }
    }

    /// The mean and the largest difference to what the jail shows.
    fn compare(&self, name: &str, shown: &DecodedImage) -> (f64, u8) {
        let size = (shown.pixels.width() as usize, shown.pixels.height() as usize);
        assert_eq!(size, (self.width, self.height), "{name}");
        let mut rgb = Vec::new();
        let keep = |row: &[u8]| {
            rgb.extend_from_slice(row);
            Ok(())
        };
        for_each_row(&shown.pixels, keep).unwrap();
        let differences = || self.rgb.iter().zip(&rgb).map(|(a, b)| a.abs_diff(*b));
        let sum: u64 = differences().map(u64::from).sum();
        #[expect(clippy::cast_precision_loss, reason = "some million at most")]
        let mean = sum as f64 / rgb.len() as f64;
        (mean, differences().max().unwrap())
    }
}

async fn shown(jail: &Jail, file: &Path, kind: FileKind) -> DecodedImage {
    let sealed = SealedMemory::from_bytes(&std::fs::read(file).unwrap()).unwrap();
    assert_eq!(jail.look(&sealed).await.unwrap().kind, kind, "{}", file.display());
    match jail.decode(&sealed, kind, &DecodeLimits::default()).await.unwrap() {
        Decoded::Image(image) => image,
        other => panic!("{}: {other:?}", file.display()),
    }
}

/// Runs a program and returns what it printed.
fn run(program: &str, arguments: &[&str]) -> Vec<u8> {
    let output = Command::new(program).args(arguments).output();
    let output = output.unwrap_or_else(|error| panic!("{program}: {error}; scripts/setup.sh test"));
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments:?}: {told}");
    output.stdout
}

#[tokio::test]
async fn avif_of_every_sampling_depth_and_range_is_what_libavif_shows() {
    let jail = super::jail().await;
    let folder = Folder::new("avif");
    // Odd sides, so that the last chroma samples stand for less than others.
    let source = folder.file("source.ppm", &Picture::made(171, 121).to_ppm());
    let png = folder.path("source.png");
    std::fs::write(&png, run("/usr/bin/pnmtopng", &[&source])).unwrap();
    let (avif, back) = (folder.path("a.avif"), folder.path("back.png"));
    for sampling in ["444", "422", "420", "400"] {
        for depth in ["8", "10", "12"] {
            for range in ["limited", "full"] {
                let name = format!("{sampling}, {depth} bits, {range}");
                let how = ["-j", "1", "-s", "10", "--min", "4", "--max", "12"];
                let what = ["-y", sampling, "-d", depth, "-r", range, png.as_str(), avif.as_str()];
                run("/usr/bin/avifenc", &[&how[..], &what].concat());
                run("/usr/bin/avifdec", &["-d", "8", "-u", "bilinear", &avif, &back]);
                let mut theirs = Picture::from_pnm(&run("/usr/bin/pngtopnm", &[&back]));
                if (sampling, depth, range) == ("400", "8", "limited") {
                    // This version writes grey of eight bits as it is stored, from 16 to 235.
                    let above = |value: &u8| u32::from(value.saturating_sub(16).min(219));
                    let stretch =
                        |value: &mut u8| *value = ((above(value) * 255 + 109) / 219) as u8;
                    theirs.rgb.iter_mut().for_each(stretch);
                }
                let ours = shown(&jail, Path::new(&avif), FileKind::Avif).await;
                let (mean, most) = theirs.compare(&name, &ours);
                // Without subsampling only rounding differs; with it, where chroma samples are thought to lie.
                let allowed = if matches!(sampling, "444" | "400") { (0.6, 3) } else { (1.5, 48) };
                assert!(mean <= allowed.0 && most <= allowed.1, "{name}: {mean}, at most {most}");
            }
        }
    }
}

#[tokio::test]
async fn an_avif_in_tiles_of_limited_range_is_what_libavif_shows() {
    let jail = super::jail().await;
    let folder = Folder::new("grid");
    let source = folder.file("source.ppm", &Picture::made(192, 128).to_ppm());
    let png = folder.path("source.png");
    std::fs::write(&png, run("/usr/bin/pnmtopng", &[&source])).unwrap();
    let (avif, back) = (folder.path("a.avif"), folder.path("back.png"));
    let how = ["-j", "1", "-s", "10", "-y", "444", "-r", "limited", "-g", "2x2"];
    run("/usr/bin/avifenc", &[&how[..], &[png.as_str(), avif.as_str()]].concat());
    run("/usr/bin/avifdec", &["-d", "8", &avif, &back]);
    let theirs = Picture::from_pnm(&run("/usr/bin/pngtopnm", &[&back]));
    let ours = shown(&jail, Path::new(&avif), FileKind::Avif).await;
    let (mean, most) = theirs.compare("grid", &ours);
    assert!(mean <= 0.6 && most <= 3, "{mean}, at most {most}");
}

#[tokio::test]
async fn heic_of_every_sampling_depth_and_range_is_what_libheif_shows() {
    let jail = super::jail().await;
    let folder = Folder::new("heic");
    let picture = Picture::made(171, 121);
    let (heic, back) = (folder.path("a.heic"), folder.path("back.png"));
    for (depth, ppm) in [("8", picture.to_ppm()), ("10", picture.to_wide_ppm())] {
        let source = folder.file("source.ppm", &ppm);
        let png = folder.path("source.png");
        std::fs::write(&png, run("/usr/bin/pnmtopng", &[&source])).unwrap();
        for sampling in ["chroma=444", "chroma=422", "chroma=420"] {
            for range in ["--full_range_flag=0", "--full_range_flag=1"] {
                let name = format!("{sampling}, {depth} bits, {range}");
                let how = ["-q", "95", "-b", depth, "-p", sampling, range];
                run("/usr/bin/heif-enc", &[&how[..], &[png.as_str(), "-o", &heic]].concat());
                run("/usr/bin/heif-convert", &[&heic, &back]);
                let theirs = Picture::from_pnm(&run("/usr/bin/pngtopnm", &[&back]));
                let ours = shown(&jail, Path::new(&heic), FileKind::Heic).await;
                let (mean, most) = theirs.compare(&name, &ours);
                // As above.
                let allowed = if sampling == "chroma=444" { (0.6, 3) } else { (1.5, 48) };
                assert!(mean <= allowed.0 && most <= allowed.1, "{name}: {mean}, at most {most}");
            }
        }
    }
}

#[tokio::test]
async fn tiff_in_every_packing_is_what_libtiff_shows() {
    let jail = super::jail().await;
    let folder = Folder::new("tiff");
    let source = folder.file("source.ppm", &Picture::made(171, 121).to_ppm());
    let plain = folder.path("plain.tif");
    std::fs::write(&plain, run("/usr/bin/pnmtotiff", &["-none", &source])).unwrap();
    let packed = folder.path("packed.tif");
    for how in [
        &["-c", "none", "-r", "7"][..],
        &["-c", "none", "-B"],
        &["-c", "packbits"],
        &["-c", "packbits", "-f", "lsb2msb"],
        &["-c", "none", "-f", "lsb2msb"],
        &["-c", "lzw:2", "-f", "lsb2msb", "-t", "-w", "64", "-l", "48"],
        &["-c", "zip", "-f", "lsb2msb", "-r", "16"],
        &["-c", "lzw"],
        &["-c", "lzw:2", "-r", "16"],
        &["-c", "zip:2"],
        &["-c", "zip", "-p", "separate"],
        &["-c", "lzw:2", "-t", "-w", "64", "-l", "48"],
        &["-c", "jpeg:r:90", "-r", "16"],
        &["-c", "jpeg:90", "-t", "-w", "64", "-l", "64"],
    ] {
        let name = format!("{how:?}");
        run("/usr/bin/tiffcp", &[how, &[plain.as_str(), packed.as_str()]].concat());
        // The same pixels without a JPEG around them, which not every reader of TIFF takes.
        let flat = folder.path("flat.tif");
        run("/usr/bin/tiff2rgba", &["-c", "none", &packed, &flat]);
        let theirs = Picture::from_pnm(&run("/usr/bin/tifftopnm", &[&flat]));
        let ours = shown(&jail, Path::new(&packed), FileKind::Tiff).await;
        let (mean, most) = theirs.compare(&name, &ours);
        let allowed = if name.contains("jpeg") { (2.0, 60) } else { (0.0, 0) };
        assert!(mean <= allowed.0 && most <= allowed.1, "{name}: {mean}, at most {most}");
    }
}

#[tokio::test]
async fn tiff_of_sixteen_bits_is_what_libtiff_shows() {
    let jail = super::jail().await;
    let folder = Folder::new("wide");
    let source = folder.file("source.ppm", &Picture::made(171, 121).to_wide_ppm());
    let plain = folder.path("plain.tif");
    std::fs::write(&plain, run("/usr/bin/pnmtotiff", &["-none", "-truecolor", &source])).unwrap();
    let packed = folder.path("packed.tif");
    for how in [&["-c", "none", "-B"][..], &["-c", "lzw:2", "-L"], &["-c", "zip:2", "-B"]] {
        run("/usr/bin/tiffcp", &[how, &[plain.as_str(), packed.as_str()]].concat());
        let theirs = Picture::from_pnm(&run("/usr/bin/tifftopnm", &["-byrow", &packed]));
        let ours = shown(&jail, Path::new(&packed), FileKind::Tiff).await;
        assert!(theirs.compare("wide", &ours).1 <= 1, "{how:?}");
    }
}

#[tokio::test]
async fn a_page_from_a_fax_is_what_libtiff_shows() {
    let jail = super::jail().await;
    let folder = Folder::new("fax");
    let picture = Picture::made(171, 121);
    let bits = picture.rgb.chunks(171 * 3).flat_map(|row| {
        row.chunks(3 * 8).map(|eight| {
            let dark = eight.chunks(3).map(|pixel| u8::from(pixel[0] < 120));
            dark.zip(0..).fold(0, |byte, (bit, place)| byte | bit << (7 - place))
        })
    });
    let page = [&b"P4\n171 121\n"[..], &bits.collect::<Vec<u8>>()].concat();
    let source = folder.file("source.pbm", &page);
    let fax = folder.path("fax.tif");
    for how in [&["-g4"][..], &["-none"], &["-lzw"]] {
        let arguments = [how, &[source.as_str()]].concat();
        std::fs::write(&fax, run("/usr/bin/pnmtotiff", &arguments)).unwrap();
        let ours = shown(&jail, Path::new(&fax), FileKind::Tiff).await;
        let (mean, _) = Picture::from_pnm(&page).compare("fax", &ours);
        assert!(mean == 0.0, "{how:?}: {mean}");
    }
}

#[tokio::test]
async fn a_png_of_another_gamma_is_what_netpbm_shows() {
    let jail = super::jail().await;
    let folder = Folder::new("gamma");
    let picture = Picture::made(171, 121);
    let source = folder.file("source.ppm", &picture.to_ppm());
    let png = folder.path("a.png");
    for gamma in ["1.0", "0.55556", "0.45455"] {
        std::fs::write(&png, run("/usr/bin/pnmtopng", &["-gamma", gamma, &source])).unwrap();
        let theirs = Picture::from_pnm(&run("/usr/bin/pngtopnm", &["-gamma=2.2", &png]));
        let ours = shown(&jail, Path::new(&png), FileKind::Png).await;
        let (mean, most) = theirs.compare(gamma, &ours);
        // Theirs is a plain exponent down to black, ours the curve of sRGB.
        assert!(mean <= 2.0 && most <= 10, "{gamma}: {mean}, at most {most}");
    }
}

#[tokio::test]
async fn bmp_of_every_depth_is_what_netpbm_wrote() {
    let jail = super::jail().await;
    let folder = Folder::new("bmp");
    let picture = Picture::made(171, 121);
    let source = folder.file("source.ppm", &picture.to_ppm());
    let bmp = folder.path("a.bmp");
    for how in [&["-windows", "-bpp=24"][..], &["-os2", "-bpp=24"]] {
        let arguments = [how, &[source.as_str()]].concat();
        std::fs::write(&bmp, run("/usr/bin/ppmtobmp", &arguments)).unwrap();
        let ours = shown(&jail, Path::new(&bmp), FileKind::Bmp).await;
        assert_eq!(picture.compare("bmp", &ours).1, 0, "{how:?}");
    }
    for colours in ["2", "16", "256"] {
        let few = run("/usr/bin/pnmquant", &[colours, &source]);
        let few_file = folder.file("few.ppm", &few);
        std::fs::write(&bmp, run("/usr/bin/ppmtobmp", &["-windows", &few_file])).unwrap();
        let ours = shown(&jail, Path::new(&bmp), FileKind::Bmp).await;
        assert_eq!(Picture::from_pnm(&few).compare("bmp", &ours).1, 0, "{colours}");
    }
}

/// A folder that goes away with the test.
struct Folder(std::path::PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("sekisho-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }

    fn file(&self, name: &str, bytes: &[u8]) -> String {
        let path = self.path(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
