use super::*;

const LETTER: &str =
    "山田先生\n昨日から左腕に発疹があります。かゆみが強く、夜も眠れません。\r\nＡＢＣ 37.2℃\n";

fn encoded(encoding: &'static Encoding, text: &str) -> Vec<u8> {
    let (bytes, _, failed) = encoding.encode(text);
    assert!(!failed, "{text}");
    bytes.into_owned()
}

fn wide_bytes(text: &str, to_bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(to_bytes).collect()
}

fn read(file: &[u8]) -> Option<(TextEncoding, String)> {
    decode(file).map(|decoded| (decoded.encoding, decoded.text.into_owned()))
}

#[test]
fn a_letter_is_read_the_same_in_every_encoding() {
    let cases = [
        (TextEncoding::Utf8, LETTER.as_bytes().to_vec()),
        (TextEncoding::ShiftJis, encoded(SHIFT_JIS, LETTER)),
        (TextEncoding::EucJp, encoded(EUC_JP, LETTER)),
        (TextEncoding::Iso2022Jp, encoded(ISO_2022_JP, LETTER)),
        (TextEncoding::Utf16Le, wide_bytes(LETTER, u16::to_le_bytes)),
        (TextEncoding::Utf16Be, wide_bytes(LETTER, u16::to_be_bytes)),
        (TextEncoding::Utf16Le, [&b"\xFF\xFE"[..], &wide_bytes(LETTER, u16::to_le_bytes)].concat()),
        (TextEncoding::Utf16Be, [&b"\xFE\xFF"[..], &wide_bytes(LETTER, u16::to_be_bytes)].concat()),
    ];
    for (encoding, file) in cases {
        assert_eq!(read(&file), Some((encoding, LETTER.to_owned())), "{encoding}");
    }
}

#[test]
fn short_texts_are_told_apart_too() {
    for text in
        ["かゆい", "痛みます。", "アレルギーなし", "山田太郎", "はい\n", "37.5度", "薬を飲んだ"]
    {
        for (encoding, library) in [
            (TextEncoding::ShiftJis, SHIFT_JIS),
            (TextEncoding::EucJp, EUC_JP),
            (TextEncoding::Iso2022Jp, ISO_2022_JP),
        ] {
            let expected = Some((encoding, text.to_owned()));
            assert_eq!(read(&encoded(library, text)), expected, "{text} in {encoding}");
        }
    }
}

#[test]
fn utf_16_without_a_mark_is_taken_only_when_certain() {
    for text in ["ok", "Hello, doctor", "はい。\nお願いします", "line\r\n"] {
        let little = wide_bytes(text, u16::to_le_bytes);
        let big = wide_bytes(text, u16::to_be_bytes);
        let wanted = |encoding| Some((encoding, text.to_owned()));
        if !text.starts_with('は') {
            assert_eq!(read(&little), wanted(TextEncoding::Utf16Le), "{text}");
        }
        assert_eq!(read(&big), wanted(TextEncoding::Utf16Be), "{text}");
    }
    // Bytes of another text: nothing to be sure of.
    assert_eq!(read(b"\x00\xD8\x00\xD8ab"), None);
    assert_eq!(read(b"\x01\x02\x03\x80"), None);
}

#[test]
fn what_does_not_decode_to_the_end_is_refused() {
    for library in [SHIFT_JIS, EUC_JP] {
        let mut file = encoded(library, LETTER);
        file.push(0x81);
        assert_eq!(read(&file), None);
        let mut file = encoded(library, LETTER);
        file.extend(b"\xFF\xFF");
        assert_eq!(read(&file), None);
    }
    for bad in [
        &b"\xEF\xBB\xBFcaf\xE9"[..],
        b"\xFF\xFEa",
        b"\xFF\xFE\x00\xD8a\0",
        b"\xFF\xFE\0\0a\0\0\0",
        b"\xFE\xFF\xFF\xFE",
    ] {
        assert_eq!(read(bad), None, "{bad:?}");
    }
    // Characters of a phone maker's own, and control characters.
    assert_eq!(read(b"\x82\xA0\x82\xA2\xF0\x40"), None);
    assert_eq!(read(b"\x82\xA0\x82\xA2\x01"), None);
}

#[test]
fn western_and_chinese_text_is_not_read_as_wrong_japanese() {
    for other in [
        &b"caf\xE9"[..],
        b"le caf\xE9 est tr\xE8s bon",
        b"M\xFCller, Gr\xFC\xDFe aus K\xF6ln",
        // "Hello doctor, my arm hurts, please look at the photo." in GBK, without a kana.
        b"\xD2\xBD\xC9\xFA\xC4\xFA\xBA\xC3\xCE\xD2\xB5\xC4\xCA\xD6\xB1\xDB\xCC\xDB\xC7\xEB\xC4\xFA\xBF\xB4\xD5\xD5\xC6\xAC\xD0\xBB\xD0\xBB\xC4\xFA",
    ] {
        assert_eq!(read(other), None, "{other:?}");
    }
}

#[test]
fn a_place_in_the_text_is_found_in_the_file() {
    let text = "熱は38度<b>ｱ 終";
    let offset = text.find('<').unwrap();
    for library in [SHIFT_JIS, EUC_JP, UTF_16LE] {
        let file = if library == UTF_16LE {
            [&b"\xFF\xFE"[..], &wide_bytes(text, u16::to_le_bytes)].concat()
        } else {
            encoded(library, text)
        };
        let place = decode(&file).unwrap().place(&file, offset);
        assert_eq!(file[place], b'<', "{}", library.name());
    }
    let mail = encoded(ISO_2022_JP, "熱は38度<b>終");
    let decoded = decode(&mail).unwrap();
    let offset = decoded.text.find('<').unwrap();
    assert_eq!(mail[decoded.place(&mail, offset)], b'<');
}

#[test]
fn terminal_escapes_are_not_japanese_mail() {
    for text in ["\x1B[31mred\x1B[0m", "\x1B(Bplain", "\x1B]8;;https://x.example\x07y\x1B]8;;\x07"]
    {
        assert_eq!(read(text.as_bytes()), Some((TextEncoding::Utf8, text.to_owned())));
    }
}

#[test]
fn names_in_kanji_that_only_names_have_are_read() {
    for name in ["山﨑", "髙橋", "髙﨑 和子"] {
        let expected = Some((TextEncoding::ShiftJis, name.to_owned()));
        assert_eq!(read(&encoded(SHIFT_JIS, name)), expected, "{name}");
    }
    let notes = "左上肢皮膚発疹掻痒感増悪傾向有要再診察希望";
    let expected = Some((TextEncoding::Iso2022Jp, notes.to_owned()));
    assert_eq!(read(&encoded(ISO_2022_JP, notes)), expected);
}
