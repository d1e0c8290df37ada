//! Samples of the rules for lures: messages that want an account, a payment, a code or the machine. The
//! near misses are what patients who were lured, or who use the same words, really write.

use super::{RuleSamples, files};
use crate::fixtures::texts;

pub(super) fn rules() -> Vec<RuleSamples> {
    vec![accounts()]
}

fn accounts() -> RuleSamples {
    (
        "phishing_message",
        files(&[
            texts::PHISHING,
            "Your account has been suspended. Urgent action: https://bank.example/login",
            "【銀行】お取引を一時的に制限させていただきました。解除のお手続きはこちら https://bank.example/a",
            "ETCサービスは無効になりました。引き続きご利用いただくには https://toll.example/ から再設定をお願いします",
            "【ポイント事務局】ポイントの有効期限は本日までです。https://points.example/ で受け取り",
            "電気料金のお支払いが確認できておりません。送電停止の対象となります https://power.example/pay",
            "本日中に連絡がない場合、未納料金について法的措置に移行します。03-0000-0000",
            "お客様の口座から5万円が引き落とされます。覚えがない場合は https://bank.example/cancel",
            "医師の皆様へ：メールボックスが上限に達しました。https://mail.example/ でサインイン",
            "ｱｶｳﾝﾄが停止されました。至急 https://evil.example/ でﾊﾟｽﾜｰﾄﾞを確認",
            "您的帐户已被冻结，请立即登录 https://evil.example/ 验证",
            "Your mailbox is almost full. Sign in at evil.example/owa to keep receiving mail.",
            "Dear customer, we noticed unusual activity. Please verify your account: https://bank.example",
        ]),
        files(&[
            texts::JAPANESE,
            texts::ENGLISH,
            "至急ご連絡ください。病院の案内は https://hospital.example.jp です。",
            "I forgot the password of the portal, please tell me immediately.",
            "アカウントが停止になったので至急ご連絡ください。https://clinic.example.jp/",
            "予約サイトのアカウントが停止されました、と表示されます。至急見ていただけますか。https://clinic.example.jp/",
            "クレジットカードを不正利用されて眠れません。https://www.mhlw.go.jp/ も読みました。",
            "電気料金の減免のため診断書が必要です。至急お願いします。https://power.example.jp/",
            "入院の料金が未払いです。本日中に支払います。https://clinic.example.jp/pay",
            "不審なメールが届きました。「お客様のアカウントが停止されました」とありますが本物ですか。",
            "給付金の申請に必要なので、至急ご確認ください。https://www.city.example.lg.jp/a",
            "My account on your portal was locked. Could you reset it? https://clinic.example.jp/",
            "My bank told me of an unauthorized payment; I need the receipt as soon as possible. https://clinic.example.jp/",
        ]),
    )
}
