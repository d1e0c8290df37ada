use encoding_rs::{BIG5, EUC_JP, EUC_KR, GBK, KOI8_R, SHIFT_JIS, WINDOWS_1252};

use super::super::encoding::decode;
use super::*;

fn encoded(encoding: &'static encoding_rs::Encoding, text: &str) -> Vec<u8> {
    let (bytes, _, failed) = encoding.encode(text);
    assert!(!failed, "{text}");
    bytes.into_owned()
}

#[test]
fn a_text_in_another_language_is_not_shown_as_japanese() {
    for (encoding, text) in [
        (GBK, "医生您好，我的左臂起了红疹，很痒。"),
        (GBK, "头痛发烧三天"),
        (GBK, "张三"),
        (BIG5, "醫生您好我的左手臂起了紅疹很癢"),
        (BIG5, "我今天不舒服"),
        (BIG5, "中文"),
        (EUC_KR, "선생님 안녕하세요"),
        (EUC_KR, "아파요 ㅠㅠ"),
        (KOI8_R, "привет доктор"),
        (KOI8_R, "боли"),
        (WINDOWS_1252, "I don’t feel well"),
        (WINDOWS_1252, "It’s 5–10 days of “pain”…"),
        (WINDOWS_1252, "Müller’s café"),
        (WINDOWS_1252, "l’été"),
        (WINDOWS_1252, "38.5 °C, 5 µg"),
    ] {
        let file = encoded(encoding, text);
        assert!(decode(&file).is_none(), "{text}: {:?}", decode(&file));
    }
}

#[test]
fn japanese_is_still_read_where_others_come_near() {
    for text in [
        "ねぇ先生、痛いよぉ。",
        "頭痛あり",
        "体温38.5度、咳あり",
        "日付\t体温\t血圧\n4/1\t36.5\t130/80\n",
        "症状: 咳 (++), 痰 (+), 鼻水 (-)",
        "血糖値 = 110 mg/dL",
        "気分が良いです。もも肉を食べました。",
        "ｶﾙﾃ番号は１２３です",
        "メ～ルとキッチン、テスト用のノート",
        "きょうは病院へ行って、ちょっと待ちました。",
    ] {
        for encoding in [SHIFT_JIS, EUC_JP] {
            let file = encoded(encoding, text);
            let read = decode(&file).map(|decoded| decoded.text.into_owned());
            assert_eq!(read.as_deref(), Some(text), "{}", encoding.name());
        }
    }
    for text in ["B型", "HbA1c値 6.5", "X線", "2錠", "37.5度", "山田太郎", "O脚", "3日 A君"]
    {
        let file = encoded(SHIFT_JIS, text);
        let read = decode(&file).map(|decoded| decoded.text.into_owned());
        assert_eq!(read.as_deref(), Some(text));
    }
}

#[test]
fn utf_8_with_broken_bytes_is_no_other_encoding() {
    let text = "昨日から左腕に発疹があります。".as_bytes();
    for file in [&text[..text.len() - 1], &[text, b"\xFF"].concat(), &[text, b"\x81"].concat()] {
        assert!(is_broken_utf_8(file));
        assert!(decode(file).is_none());
    }
    // Half pairs, each as a character of its own.
    assert!(decode(b"hello \xED\xA0\xBD\xED\xB8\x80").is_none());
    for encoding in [SHIFT_JIS, EUC_JP] {
        assert!(!is_broken_utf_8(&encoded(encoding, "昨日から左腕に発疹があります。")));
    }
}

#[test]
fn a_sign_is_known_however_many_bytes_spell_it() {
    for spelled in
        [&b"\xC0\xBC"[..], b"\xE0\x80\xBC", b"\xF0\x80\x80\xBC", b"\xFC\x80\x80\x80\x80\xBC"]
    {
        assert_eq!(overlong(spelled), Some((b'<', spelled.len())));
        assert!(decode(&[b"a ".as_slice(), spelled, b"script"].concat()).is_none());
    }
    assert_eq!(overlong(b"\xC1\xB3"), Some((b's', 2)));
    assert_eq!(overlong(b"\xE0\x81\xB3"), Some((b's', 3)));
    for other in [&b"<"[..], b"\xC3\xA9", b"\xE3\x81\x82", b"\xE0\xA0\x80", b"\xC0", b"\xC0<", b""]
    {
        assert_eq!(overlong(other), None, "{other:x?}");
    }
}
