//! Samples of the rules for messages that fish for codes or money. The near misses are what patients
//! and clinics really write.

use super::{RuleSamples, files};
use crate::fixtures::texts;

pub(super) fn rules() -> Vec<RuleSamples> {
    vec![
        (
            "phishing_delivery",
            files(&[
                "お荷物のお届けにあがりましたが不在のため持ち帰りました。https://parcel.example/a",
                "Your parcel could not be delivered. Pay the fee: https://parcel.example/a",
            ]),
            files(&[
                "お荷物が届きました。https://www.example.jp",
                "不在のため電話に出られません。",
                "The delivery of my baby is planned for May, see https://www.example.jp/birth",
                texts::JAPANESE,
            ]),
        ),
        (
            "phishing_one_time_code",
            files(&[
                "SMSで届いた認証コードを、このメッセージに返信してください。",
                "本人確認のため、暗証番号をお送りください。",
                "Please reply with the verification code you received.",
            ]),
            files(&[
                "認証コードを入力しましたが、開けません。",
                "パスワードを忘れました。どうすればよいですか。写真を三枚撮りましたので、夕方までに画像と一緒にこちらから送ってください、と娘に頼みました。",
                "I did not get a security code.",
                texts::ENGLISH,
            ]),
        ),
        (
            "extortion_message",
            files(&[
                "あなたの端末をハッキングし、録画しました。48時間以内にビットコインで送金してください。",
                "I hacked your webcam and recorded you. Pay 500 USD in bitcoin.",
            ]),
            files(&[
                "ビットコインの画面を見すぎて目が痛いです。",
                "支払いは電子マネーでできますか。",
                "I pay with a gift card.",
                texts::JAPANESE,
            ]),
        ),
    ]
}
