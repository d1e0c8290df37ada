//! The same engines with nothing around them: clamd on its socket, YARA, decoder, colour, encoder.
//!
//! No jail, no seal, no database, no key: what the service would cost if it did only what must be
//! done to the file itself. The libraries are the ones of the jail and of the encoder, asked for
//! the same work.

use std::fs::File;
use std::io::{self, IoSlice, Read as _, Write as _};
use std::mem::MaybeUninit;
use std::ops::AddAssign;
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use moxcms::{ColorProfile, Layout, TransformOptions};
use rustix::fs::MemfdFlags;
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags};
use sekisho_encoder::{Pixels, Plane, SamplingFactor, Threads};
use yara_x::{Compiler, Rules, SourceCode};
use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;

use super::BenchError;
use super::process::of_this_thread;

/// The bare engines.
pub(super) struct Bare {
    socket: PathBuf,
    rules: Rules,
}

/// Processor time of each stage but clamd's, which is a process of its own.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Stages {
    pub(super) yara: Duration,
    pub(super) decode: Duration,
    pub(super) colour: Duration,
    pub(super) encode: Duration,
}

impl AddAssign for Stages {
    fn add_assign(&mut self, other: Self) {
        self.yara += other.yara;
        self.decode += other.decode;
        self.colour += other.colour;
        self.encode += other.encode;
    }
}

/// A decoded picture in this process's memory.
struct Picture {
    rgb: Vec<u8>,
    width: usize,
    height: usize,
    profile: Option<Vec<u8>>,
}

/// As the service encodes.
pub(super) const QUALITY: u8 = 92;
/// Bytes converted at a time, which stay in the second cache. A multiple of three.
const PIECE: usize = 3 << 14;

impl Bare {
    /// Compiles the rules of the signatures folder, as the jail does.
    pub(super) fn new(signatures: &Path, socket: PathBuf) -> Result<Self, BenchError> {
        let folder = signatures.join("yara");
        let mut compiler = Compiler::new();
        for entry in std::fs::read_dir(&folder).map_err(BenchError::at(&folder))? {
            let path = entry?.path();
            let text = std::fs::read(&path).map_err(BenchError::at(&path))?;
            compiler.new_namespace(&path.to_string_lossy());
            compiler.add_source(SourceCode::from(text.as_slice())).map_err(bare)?;
        }
        Ok(Self { socket, rules: compiler.build() })
    }

    /// clamd on one side; decoder, colour and encoder on the other; until both are done.
    pub(super) fn side_by_side(&self, bytes: &[u8]) -> Result<Duration, BenchError> {
        let file = in_memory(bytes)?;
        let begun = Instant::now();
        let (scanned, encoded) = std::thread::scope(|scope| {
            let clamd = scope.spawn(|| self.clamd(&file));
            let encoded = decode(bytes).and_then(|mut picture| {
                colour(&mut picture)?;
                encode(&picture)
            });
            (clamd.join(), encoded)
        });
        let took = begun.elapsed();
        scanned.map_err(|_| bare("clamd's thread"))??;
        encoded?;
        Ok(took)
    }

    /// Everything but clamd, one after the other, with the processor time of each.
    pub(super) fn one_by_one(&self, bytes: &[u8]) -> Result<Stages, BenchError> {
        let mut scanner = yara_x::Scanner::new(&self.rules);
        // The jail's scanner is warm when a file comes, too.
        scanner.scan(b"").map_err(bare)?;
        let (hits, yara) =
            of_this_thread(|| scanner.scan(bytes).map(|results| results.matching_rules().len()));
        if hits.map_err(bare)? > 0 {
            return Err(bare("a rule matches a photo"));
        }
        let (picture, decode) = of_this_thread(|| decode(bytes));
        let mut picture = picture?;
        let (converted, colour) = of_this_thread(|| colour(&mut picture));
        converted?;
        let (encoded, encode) = of_this_thread(|| encode(&picture));
        encoded?;
        Ok(Stages { yara, decode, colour, encode })
    }

    /// Passes a descriptor to clamd, as the service does, and waits for its answer.
    pub(super) fn clamd(&self, file: &File) -> Result<(), BenchError> {
        let mut socket = UnixStream::connect(&self.socket).map_err(BenchError::at(&self.socket))?;
        socket.write_all(b"zFILDES\0")?;
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        let descriptors = [file.as_fd()];
        if !control.push(SendAncillaryMessage::ScmRights(&descriptors)) {
            return Err(io::Error::from(io::ErrorKind::InvalidInput).into());
        }
        rustix::net::sendmsg(&socket, &[IoSlice::new(&[0])], &mut control, SendFlags::NOSIGNAL)
            .map_err(io::Error::from)?;
        let mut answer = String::new();
        socket.read_to_string(&mut answer)?;
        if answer.trim_end_matches('\0').ends_with(": OK") {
            Ok(())
        } else {
            Err(BenchError::Clamd(answer))
        }
    }
}

/// Decoder, colour and encoder, one after the other on this thread.
pub(super) fn one_thread(bytes: &[u8]) -> Result<Duration, BenchError> {
    let begun = Instant::now();
    let mut picture = decode(bytes)?;
    colour(&mut picture)?;
    encode(&picture)?;
    Ok(begun.elapsed())
}

/// A memory file, as the service has one.
pub(super) fn in_memory(bytes: &[u8]) -> Result<File, BenchError> {
    let memory = rustix::fs::memfd_create("sekisho-bench", MemfdFlags::CLOEXEC);
    let mut file = File::from(memory.map_err(io::Error::from)?);
    file.write_all(bytes)?;
    // clamd reads from where the descriptor stands.
    rustix::fs::seek(&file, rustix::fs::SeekFrom::Start(0)).map_err(io::Error::from)?;
    Ok(file)
}

fn decode(bytes: &[u8]) -> Result<Picture, BenchError> {
    let options =
        DecoderOptions::default().set_strict_mode(true).jpeg_set_out_colorspace(ColorSpace::RGB);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    decoder.decode_headers().map_err(bare)?;
    let (width, height) = decoder.dimensions().ok_or_else(|| bare("no size"))?;
    let mut rgb = vec![0; width * height * 3];
    decoder.decode_into(&mut rgb).map_err(bare)?;
    Ok(Picture { rgb, width, height, profile: decoder.icc_profile() })
}

/// To sRGB, if there is a profile.
fn colour(picture: &mut Picture) -> Result<(), BenchError> {
    let Some(profile) = &picture.profile else { return Ok(()) };
    let source = ColorProfile::new_from_slice(profile).map_err(bare)?;
    let target = ColorProfile::new_srgb();
    let options = TransformOptions::default();
    let transform = source.create_transform_8bit(Layout::Rgb, &target, Layout::Rgb, options);
    let transform = transform.map_err(bare)?;
    let mut before = vec![0; PIECE];
    for piece in picture.rgb.chunks_mut(PIECE) {
        let copy = before.get_mut(..piece.len()).unwrap_or_default();
        copy.copy_from_slice(piece);
        transform.transform(copy, piece).map_err(bare)?;
    }
    Ok(())
}

fn encode(picture: &Picture) -> Result<(), BenchError> {
    let sampling = SamplingFactor::R_4_2_0;
    // One thread, as the library works by itself.
    let encoded = sekisho_encoder::jpeg(picture, QUALITY, sampling, Threads::ONE);
    encoded.map(drop).map_err(bare)
}

impl Pixels for Picture {
    fn width(&self) -> u32 {
        u32::try_from(self.width).unwrap_or(u32::MAX)
    }

    fn height(&self) -> u32 {
        u32::try_from(self.height).unwrap_or(u32::MAX)
    }

    fn layout(&self) -> sekisho_encoder::Layout {
        sekisho_encoder::Layout::Rgb
    }

    fn read_rows(&self, _: Plane, first: u32, count: u32, buffer: &mut [u8]) -> io::Result<()> {
        let row = self.width * 3;
        let start = first as usize * row;
        let rows = self.rgb.get(start..start + count as usize * row);
        let rows = rows.filter(|rows| rows.len() == buffer.len());
        buffer.copy_from_slice(rows.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it is what `map_err` gives away")]
fn bare(error: impl ToString) -> BenchError {
    BenchError::Bare(error.to_string())
}
