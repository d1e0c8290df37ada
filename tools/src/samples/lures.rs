//! Samples of the rules for lures: messages that want an account, a payment, a code or the machine. The
//! near misses are what patients who were lured, or who use the same words, really write.

use super::{RuleSamples, files};
use crate::fixtures::texts;

pub(super) fn rules() -> Vec<RuleSamples> {
    vec![
        accounts(),
        parcels(),
        disguises(),
        codes(),
        threats(),
        keys(),
        support(),
        promises(),
        chiefs(),
    ]
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
            "【重要なお知らせ】お支払い方法に問題があり、ご注文を取り消しました。詳細はこちら https://shop.example/a",
            "銀行からのご案内：振込が保留になっています。認証をお願いします https://bank.example",
            "国勢調査の回答がない場合は罰則の対象となります https://census.example/",
            "給付金の申請を開始しました。マイナンバーと口座情報をご登録ください https://benefit.example/",
            "Your voicemail is waiting. Sign in to listen: https://mail.example",
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
            "【重要】アレルギーがあります。お薬手帳はこちらです https://photos.example/a ご確認ください。",
            "会費を払っているジムで転びました。至急診てください。動画は https://photos.example/v です。",
            "お客様番号は1234です。支払い方法を変更したので登録をお願いします。",
            "市役所からのお知らせで、マイナンバーカードの利用登録をしました。https://www.city.example.lg.jp/",
            "The document was shared with my husband. Please open the photos at https://photos.example/a",
            "My account on your portal was locked. Could you reset it? https://clinic.example.jp/",
            "My bank told me of an unauthorized payment; I need the receipt as soon as possible. https://clinic.example.jp/",
        ]),
    )
}

fn parcels() -> RuleSamples {
    (
        "phishing_delivery",
        files(&[
            "お荷物のお届けにあがりましたが不在のため持ち帰りました。https://parcel.example/a",
            "Your parcel could not be delivered. Pay the fee: https://parcel.example/a",
            "荷物をお届けに伺いましたが、ご不在でした。再配達は https://parcel.example/a",
            "お届け先不明のため保管しています。ご確認ください https://parcel.example/a",
            "Your package is on hold, as the address is incomplete. Update it: https://parcel.example/a",
        ]),
        files(&[
            "お荷物が届きました。https://www.example.jp",
            "不在のため電話に出られません。",
            "The delivery of my baby is planned for May, see https://www.example.jp/birth",
            texts::JAPANESE,
            "薬の荷物が不在のため受け取れませんでした。再配達を頼みました。https://clinic.example.jp/",
            "お薬が届きません。不在通知が入っていました。https://clinic.example.jp/ の連絡先に電話しました。",
            "お荷物のお届けにあがりましたが不在のため持ち帰りました、と出ます。https://www.post.japanpost.jp/",
            "I missed the parcel of my medicine, which could not be delivered. https://clinic.example.jp/",
        ]),
    )
}

fn disguises() -> RuleSamples {
    (
        "disguised_lure",
        files(&[
            "ア カ ウ ン ト が 停 止 さ れ ま し た。至 急 https://evil.example/ で確認",
            "Your p a s s w o r d is old https://evil.example/",
            "あかうんとがとめられました。https://evil.example/ でぱすわーどをいれてください",
            "Ｙｏｕｒ ａｃｃｏｕｎｔ ｈａｓ ｂｅｅｎ ｓｕｓｐｅｎｄｅｄ. https://evil.example/",
            "Yоur aсcount hаs been suspеnded https://evil.example/",
        ]),
        files(&[
            "体 温 は 3 7 度 で す。ア レ ル ギ ー なし https://clinic.example.jp/",
            "ｐａｓｓｗｏｒｄを忘れました。ＴＥＬ０３－１２３４－５６７８ https://clinic.example.jp/",
            "ア カ ウ ン ト が 停 止 さ れ ま し た。https://www.mhlw.go.jp/",
            "Здравствуйте, у меня СOVID, витамин D и IgE. https://clinic.example.jp/",
            "あかうんととは何ですか。https://clinic.example.jp/",
        ]),
    )
}

fn codes() -> RuleSamples {
    (
        "phishing_one_time_code",
        files(&[
            "SMSで届いた認証コードを、このメッセージに返信してください。",
            "本人確認のため、暗証番号をお送りください。",
            "Please reply with the verification code you received.",
            "カードの暗証番号と写真をこのメールに返信してください",
            "SMSに届いた6桁の数字を教えてください",
            "ワンタイムパスワードが届いたら、返信で知らせてください",
        ]),
        files(&[
            "認証コードを入力しましたが、開けません。",
            "パスワードを忘れました。どうすればよいですか。写真を三枚撮りましたので、夕方までに画像と一緒にこちらから送ってください、と娘に頼みました。",
            "I did not get a security code.",
            texts::ENGLISH,
            "SMSに届いた6桁の数字をどこに入れるか教えてください。",
            "認証コードが届いたらどうすればよいか教えてください。",
            "診察券の6桁の番号を忘れたので教えてください。",
            "カードの暗証番号と保険証の番号を忘れました。",
            "暗証番号を忘れました。書類をお送りください。",
            "案内の頁を開きました。パスワードを入力してくださいと出ます。",
        ]),
    )
}

fn threats() -> RuleSamples {
    (
        "extortion_message",
        files(&[
            "あなたの端末をハッキングし、録画しました。48時間以内にビットコインで送金してください。",
            "I hacked your webcam and recorded you. Pay 500 USD in bitcoin.",
            "1週間以内に 0.5 BTC を送らなければ患者情報を公開する",
            "暗号化された患者データを取り戻したければ連絡せよ: a@evil.example",
            "I have your browsing history. Pay $900 in BTC.",
            "Your files have been encrypted. To restore them contact us: a@evil.example",
        ]),
        files(&[
            "ビットコインの画面を見すぎて目が痛いです。",
            "支払いは電子マネーでできますか。",
            "I pay with a gift card.",
            texts::JAPANESE,
            "USBが暗号化されていて検査データを開けません。取り戻したいので連絡をください。",
            "ビットコインの本を読みました。支払いは来週です。結果を公開するのは嫌です。",
            "The files were stolen from my car with my medicine.",
        ]),
    )
}

fn keys() -> RuleSamples {
    (
        "pasted_command_message",
        files(&[
            "確認のため Windowsキー + R を押し、Ctrl+V で貼り付けて Enter を押してください。",
            "Press Win+R, then CTRL + V and press Enter to prove you are human.",
            "コマンドプロンプトを開き、次の行を貼り付けて実行してください。",
            "Windowsキーを押しながらRを押し、Ctrlキーを押しながらVを押して、Enterを押してください",
            "ターミナルを起動して、コピーした文字を貼り付け、リターンキーを押してください",
            "Hold the Windows key and press R, paste the text and hit Enter.",
        ]),
        files(&[
            "夫は Windowsキー + R を押せという電話を受けました。",
            "コマンドプロンプトという黒い画面が出ました。",
            "湿布を貼り付けて、実行機能の検査を受けました。",
            "Windows と R のキーを押すと手首が痛いです。Enterを打つ指も",
            "Windowsキーを押しながらRを押すと指が痛みます。",
        ]),
    )
}

fn support() -> RuleSamples {
    (
        "remote_support_message",
        files(&[
            "先生、AnyDeskをインストールして9桁の番号を教えてください。検査データを直接お見せします",
            "クイックアシストを開いてください。コードをお伝えください。こちらで設定します",
            "あなたのiCloudがハッキングされました。今すぐ 050-0000-0000 にお電話ください。Microsoftサポート",
            "Please install TeamViewer and send me the code on the screen.",
            "Your computer has been infected. Call Microsoft support now at 1-800-555-0100",
        ]),
        files(&[
            "AnyDeskをインストールするよう電話で言われ、番号を教えてしまいました。怖くて眠れません。",
            "サポートを名乗る人にAnyDeskをインストールして番号を教えてくださいと言われました。",
            "遠隔診療のアプリをインストールしました。会議の番号を教えてください。",
            "パソコンがウイルスに感染したと画面に出て、Microsoftに電話してしまいました。",
            "ウイルスに感染したようです。至急お電話ください。090-0000-0000",
            "I use TeamViewer at work, and my neck hurts.",
        ]),
    )
}

fn promises() -> RuleSamples {
    (
        "easy_money_message",
        files(&[
            "副業で月収100万円！LINE ID: abc123 を友だち追加してください",
            "お医者様限定のご案内：元本保証・年利30%の投資。口座へお振込みください",
            "Guaranteed profit: earn $5,000 per week. Contact us on WhatsApp",
        ]),
        files(&[
            "副業の収入が減りました。傷病手当の申請をお願いします。LINEで予約できますか。",
            "投資で損をして眠れません。登録してください、という電話が続きます。",
            "I earn $2000 per month; is there a discount? Contact me at home.",
        ]),
    )
}

fn chiefs() -> RuleSamples {
    (
        "chief_or_supplier_message",
        files(&[
            "院長です。急ぎで相談があります。LINEのグループを作ってQRコードを送ってください",
            "弊社の振込先口座が変更になりました。今月分の請求書は下記の新しい口座へお振込みください。",
            "Please note that our bank details have changed. Pay the invoice to the new account below.",
        ]),
        files(&[
            "患者会のLINEグループを作りました。QRコードを送ります。",
            "院長先生、予約のQRコードが読めません。",
            "返金の振込口座が変更になりました。新しい口座番号は 1234567 です。",
            "The invoice was paid. My bank account has changed, please send the refund to the new account.",
        ]),
    )
}
