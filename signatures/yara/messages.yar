// Messages that fish for passwords or money. One word proves nothing: a link, an account or
// payment, and pressure to act must come together before a reviewer is asked to look.
//
// A letter of more than one byte stands in brackets before a question mark, and in no class: libyara
// takes its last byte alone.

rule phishing_message
{
    meta:
        severity = "suspicious"
        disposition = "review"
        description_en = "A message with a link, an account or payment, and pressure to act at once"
        description_ja = "リンク、アカウントや支払い、急がせる言葉がそろったメッセージです"
        reference = "https://www.antiphishing.jp/consumer/abt_phishing.html"
    strings:
        $link = /https?:\/\/[^ \t\r\n]{4}/ nocase
        // Without its scheme, or with one that is spelled so that no filter sees it.
        $link_bare = /\b(hxxps?:\/\/|www\.|bit\.ly\/|tinyurl\.com\/|t\.co\/|cutt\.ly\/|is\.gd\/|lnkd\.in\/)[^ \t\r\n]{3}/ nocase

        $account_en_1 = "verify your account" nocase
        $account_en_2 = "confirm your password" nocase
        $account_en_3 = "billing information" nocase
        $account_en_4 = "account has been suspended" nocase
        $account_en_5 = "account will be closed" nocase
        $account_en_6 = /(your|the) account (has been|is|was|will be) (locked|limited|restricted|disabled|terminated|compromised|deactivated)/ nocase
        $account_en_7 = /(verify|confirm|update|validate) (your )?(identity|account|password|payment|billing|credentials|card)/ nocase
        $account_en_8 = /(unusual|suspicious|unauthori[sz]ed) (sign-?in|log-?in|activity|access|transaction|payment)/ nocase
        $account_en_9 = /(password|mailbox|e-?mail account|subscription) (has |will |is )?(expired|expire|about to expire|full|suspended)/ nocase
        $account_ja_1 = "アカウント"
        $account_ja_2 = "パスワード"
        $account_ja_3 = "クレジットカード"
        $account_ja_4 = "お支払い方法"
        $account_ja_5 = "未納料金"
        $account_ja_6 = "カード情報"
        $account_ja_7 = "口座情報"
        $account_ja_8 = "会員情報"
        $account_ja_9 = "ログイン情報"
        $account_ja_10 = "ご本人様確認"
        $account_ja_11 = "不正アクセス"
        $account_ja_12 = "不正利用"
        $account_ja_13 = "異常なログイン"
        $account_ja_14 = "未払い"

        $pressure_en_1 = "within 24 hours" nocase
        $pressure_en_2 = "immediately" nocase
        $pressure_en_3 = "urgent action" nocase
        $pressure_en_4 = "as soon as possible" nocase
        $pressure_en_5 = /within (the next )?[0-9]{1,2} ?(hours|hrs|days)/ nocase
        $pressure_en_6 = /(final|last) (notice|warning|reminder)/ nocase
        $pressure_en_7 = /(avoid|prevent) (suspension|closure|termination|permanent|interruption|losing)/ nocase
        $pressure_en_8 = /(click|tap|log ?in|sign in) (here|below|the link|now|using the link|at the link)/ nocase
        $pressure_ja_1 = "24時間以内"
        $pressure_ja_2 = "２４時間以内"
        $pressure_ja_3 = "至急"
        $pressure_ja_4 = "停止されました"
        $pressure_ja_5 = "利用停止"
        $pressure_ja_6 = "直ちに"
        $pressure_ja_7 = /(12|24|48|72|１２|２４|４８|７２) ?時間以内/
        $pressure_ja_8 = "停止いたします"
        $pressure_ja_9 = "停止します"
        $pressure_ja_10 = "制限されました"
        $pressure_ja_11 = "制限しております"
        $pressure_ja_12 = "制限しました"
        $pressure_ja_13 = "凍結"
        $pressure_ja_14 = "失効"
        $pressure_ja_15 = "強制退会"
        $pressure_ja_16 = "法的措置"
        $pressure_ja_17 = "差し押さえ"
        $pressure_ja_18 = "差押"
        $pressure_ja_19 = "無効になります"
        $pressure_ja_20 = "更新してください"
        $pressure_ja_21 = "ログインしてください"

        // What nobody but the holder of an account would tell, and not with a link.
        $alarm_ja_1 = "不正利用"
        $alarm_ja_2 = "不正アクセス"
        $alarm_ja_3 = "異常なログイン"
        $alarm_ja_4 = "ロックされました"
        $alarm_ja_5 = "本人確認を完了"
        $alarm_ja_6 = "利用制限のお知らせ"
        $alarm_ja_7 = "自動退会"
        $alarm_en_1 = /(unusual|suspicious|unauthori[sz]ed) (sign-?in|log-?in|activity|transaction)/ nocase
        $alarm_en_2 = /(verify|confirm) your (identity|account|password|payment)/ nocase
    condition:
        // An image's metadata is not a message; the sizes of messages are bounded.
        filesize < 256KB and uint16be(0) != 0xffd8 and uint32be(0) != 0x89504e47 and
        any of ($link*) and ((any of ($account_*) and any of ($pressure_*)) or any of ($alarm_*))
}

rule phishing_delivery
{
    meta:
        severity = "suspicious"
        disposition = "review"
        description_en = "A message about a parcel that could not be delivered, with a link to follow"
        description_ja = "荷物の不在通知を装い、リンクを開かせようとするメッセージです"
        reference = "https://www.antiphishing.jp/consumer/abt_phishing.html"
    strings:
        $link = /https?:\/\/[^ \t\r\n]{4}/ nocase
        // Without its scheme, or with one that is spelled so that no filter sees it.
        $link_bare = /\b(hxxps?:\/\/|www\.|bit\.ly\/|tinyurl\.com\/|t\.co\/|cutt\.ly\/|is\.gd\/|lnkd\.in\/)[^ \t\r\n]{3}/ nocase
        $parcel_ja_1 = "荷物"
        $parcel_ja_2 = "宅配便"
        $parcel_ja_3 = "小包"
        $missed_ja_1 = "不在のため"
        $missed_ja_2 = "不在通知"
        $missed_ja_3 = "持ち帰りました"
        $missed_ja_4 = "配達できません"
        $missed_ja_5 = "お届けにあがりました"
        $missed_ja_6 = "お届けに上がりました"
        $parcel_en = /(parcel|package|shipment|delivery)/ nocase
        $missed_en = /(could not be delivered|delivery attempt failed|missed (your )?delivery|is being held|redelivery fee|customs fee)/ nocase
    condition:
        filesize < 256KB and uint16be(0) != 0xffd8 and uint32be(0) != 0x89504e47 and
        any of ($link*) and ((any of ($parcel_ja_*) and any of ($missed_ja_*)) or ($parcel_en and $missed_en))
}

rule phishing_one_time_code
{
    meta:
        severity = "suspicious"
        disposition = "review"
        description_en = "A message that asks for a one-time code or a password to be sent back"
        description_ja = "認証コードやパスワードの返信を求めるメッセージです"
        reference = "https://www.antiphishing.jp/consumer/abt_phishing.html"
    strings:
        $code_ja_1 = "認証コードを"
        $code_ja_2 = "確認コードを"
        $code_ja_3 = "ワンタイムパスワードを"
        $code_ja_4 = "暗証番号を"
        $code_ja_5 = "パスワードを"
        $back_ja_1 = "返信してください"
        $back_ja_2 = "ご返信ください"
        $back_ja_3 = "送ってください"
        $back_ja_4 = "お送りください"
        $back_ja_5 = "入力してください"
        $en = /(reply|respond|send)[^.\r\n]{0,40}(verification code|one-time (code|password)|security code|your pin)/ nocase
        $en_2 = /(verification code|one-time (code|password)|security code|your pin)[^.\r\n]{0,40}(reply|send it|tell us|enter it)/ nocase
    condition:
        filesize < 256KB and uint16be(0) != 0xffd8 and uint32be(0) != 0x89504e47 and
        ($en or $en_2 or
            // The wish follows the code within one sentence.
            for any of ($code_ja_*) : ( for any i in (1..#) : (
                $back_ja_1 in (@[i]..@[i] + 120) or $back_ja_2 in (@[i]..@[i] + 120) or
                $back_ja_3 in (@[i]..@[i] + 120) or $back_ja_4 in (@[i]..@[i] + 120) or
                $back_ja_5 in (@[i]..@[i] + 120) ) ))
}

rule extortion_message
{
    meta:
        severity = "suspicious"
        disposition = "review"
        description_en = "A message that threatens and asks for cryptocurrency or gift cards"
        description_ja = "脅して暗号資産やギフトカードを求めるメッセージです"
        reference = "https://www.npa.go.jp/bureau/cyber/countermeasures/sextortion.html"
    strings:
        $coin = /(bitcoin|monero|gift card)/ nocase
        $wallet = /bc1[a-z0-9]{20}/
        $coin_ja_1 = "ビットコイン"
        $coin_ja_2 = "仮想通貨"
        $coin_ja_3 = "暗号資産"
        $coin_ja_4 = "ギフトカード"
        $coin_ja_5 = "電子マネー"
        $threat_en = /(hacked your|your webcam|recorded you|all your contacts|will be published|encrypted your files)/ nocase
        $threat_ja_1 = "ハッキング"
        $threat_ja_2 = "録画しました"
        $threat_ja_3 = "連絡先に送"
        $threat_ja_4 = "ばらまき"
        $threat_ja_5 = "乗っ取りました"
        $threat_ja_6 = "暗号化しました"
        $pay_en = /(pay |transfer|send me|payment)/ nocase
        $pay_ja_1 = "送金"
        $pay_ja_2 = "支払"
        $pay_ja_3 = "振り込"
        $pay_ja_4 = "購入して"
    condition:
        filesize < 256KB and uint16be(0) != 0xffd8 and uint32be(0) != 0x89504e47 and
        ($coin or $wallet or any of ($coin_ja_*)) and ($threat_en or any of ($threat_ja_*)) and
        ($pay_en or any of ($pay_ja_*))
}

rule pasted_command_message
{
    meta:
        severity = "suspicious"
        disposition = "review"
        description_en = "A message that has its reader open a command window and paste something into it"
        description_ja = "コマンド入力画面を開いて何かを貼り付けさせようとするメッセージです"
        reference = "https://attack.mitre.org/techniques/T1204/004/"
    strings:
        $open_1 = /\b(windows|win|ウィンドウズ)([ \t]*(key|button|キー|ボタン|ロゴキー))?[ \t]*(\+|＋|and|と)[ \t]*(r|x|Ｒ)/ nocase
        $open_2 = /(ファイル名を指定して実行|run dialog|run box|command prompt|コマンドプロンプト|ターミナルを開|open (the )?terminal|windows terminal)/ nocase
        $paste_1 = /\b(ctrl|control|command|cmd)[ \t]*(\+|＋)[ \t]*v\b/ nocase
        $paste_2 = /(貼り付け|貼りつけ|ペースト|\bpaste\b)/ nocase
        $enter = /(\benter\b|\breturn\b|エンター|実行)/ nocase
    condition:
        filesize < 256KB and uint16be(0) != 0xffd8 and uint32be(0) != 0x89504e47 and
        any of ($open_*) and any of ($paste_*) and $enter
}

rule refund_message
{
    meta:
        severity = "suspicious"
        disposition = "review"
        description_en = "A message that promises a refund or a prize and asks for an account, a machine or a link"
        description_ja = "還付金や当選を装い、口座・ATM・リンクへ誘導するメッセージです"
        reference = "https://www.npa.go.jp/bureau/safetylife/sos47/case/kanpukin/"
    strings:
        $promise_1 = /(還付金|当選|賞金)/
        $promise_2 = /(you (have |are |'ve )?(been )?(won|selected|chosen|awarded)|lottery|inheritance|unclaimed (funds|refund)|tax refund|cash prize|next of kin)/ nocase
        $wish_1 = /(口座番号|暗証番号|カード番号|ＡＴＭ|ATMへ|ATMで|ATMに|手数料を|振込先を)/
        $wish_2 = /(bank details|bank account|card number|processing fee|transfer fee|western union|claim (it|your|the)|wire transfer)/ nocase
    condition:
        filesize < 256KB and uint16be(0) != 0xffd8 and uint32be(0) != 0x89504e47 and
        (($promise_1 and $wish_1) or ($promise_2 and $wish_2))
}

rule gift_card_message
{
    meta:
        severity = "suspicious"
        disposition = "review"
        description_en = "A message that asks to buy gift cards and to send their numbers"
        description_ja = "ギフトカードや電子マネーを購入し、番号を送るよう求めるメッセージです"
        reference = "https://www.npa.go.jp/bureau/safetylife/sos47/case/"
    strings:
        $card_ja = /(ギフトカード|プリペイドカード|電子マネー|iTunes ?カード|Apple ?カード|Amazon ?ギフト|アマゾンギフト|ビットキャッシュ)/
        $buy_ja = /(購入して|買って)/
        $send_ja = /(番号|コード|裏面|写真)[^\r\n]{0,60}(送って|送信して|お送り|教えて|返信)/
        $en = /(buy|purchase|get)[^.\r\n]{0,80}gift ?cards?[^\r\n]{0,200}(send|scratch|photo|picture|reply|text)[^.\r\n]{0,80}(code|number|back|pin)/ nocase
    condition:
        filesize < 256KB and uint16be(0) != 0xffd8 and uint32be(0) != 0x89504e47 and
        (($card_ja and $buy_ja and $send_ja) or $en)
}

rule instruction_to_machine
{
    meta:
        severity = "suspicious"
        disposition = "review"
        description_en = "A message that is written to a language model, to make it disregard what it was told"
        description_ja = "AI に与えられた指示を無視させようとする文章です"
        reference = "https://genai.owasp.org/llmrisk/llm01-prompt-injection/"
    strings:
        $disregard_en = /(ignore|disregard|forget|override|bypass) (all |any |every )?(of )?(the |your |my )?(previous|prior|above|earlier|preceding|system) (instructions|prompts?|rules|directives|guidelines)/ nocase
        $disregard_ja = /(これまで|以前|上記|前|システム)の(すべての|全ての)?(指示|命令|プロンプト|ルール)(を)?(すべて|全て)?(無視|忘れ|破棄)/
        $machine_en = /(system prompt|you are now|language model|as an ai|assistant|chatgpt|developer mode|reveal|print|output|respond with|jailbreak)/ nocase
        $machine_ja = /(システムプロンプト|あなたは(今|これ)から|AI|ＡＩ|アシスタント|出力して|開示して|表示して)/
        $marks = /(<\|im_(start|end)\|>|<\|(system|endoftext|begin_of_text)\|>|\[\/?INST\]|<<SYS>>)/
    condition:
        filesize < 256KB and uint16be(0) != 0xffd8 and uint32be(0) != 0x89504e47 and
        (($disregard_en and $machine_en) or ($disregard_ja and $machine_ja) or $marks)
}

rule link_to_program
{
    meta:
        severity = "suspicious"
        disposition = "review"
        description_en = "A message with a link to a program, a script or a disk image"
        description_ja = "プログラム・スクリプト・ディスクイメージへのリンクを含むメッセージです"
        reference = "https://attack.mitre.org/techniques/T1204/001/"
    strings:
        $link = /https?:\/\/[^\x00-\x20"'<>\/]{3,200}\/[^\x00-\x20"'<>]{0,300}\.(exe|scr|pif|com|msi|msix|appx|bat|cmd|ps1|vbs|vbe|jse|wsf|hta|lnk|jar|jnlp|apk|xapk|iso|img|vhd|dmg|pkg|reg|cpl|dll|xll|docm|xlsm|pptm|xlam|mobileconfig|appinstaller)([?#][^ \t\r\n]{0,100})?([^A-Za-z0-9.\/_-]|$)/ nocase
    condition:
        filesize < 256KB and uint16be(0) != 0xffd8 and uint32be(0) != 0x89504e47 and $link
}
