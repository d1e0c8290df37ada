# すべての扉に共通の言葉。
skip-to-content = 本文へ進む
demo-banner = これは試し用の画面です。本物の患者さんの写真や情報は送らないでください。
language = 表示の言葉
help-by-telephone = お困りのときはお電話ください
door-intake = 写真とメッセージの受付
door-portal = 医師の画面
door-review = 確認と管理の画面
to-first-page = はじめのページへ
problem-title = 進めませんでした
problem-request = お電話のときは、この番号をお伝えください：{ $request }

kind-photo = 写真
kind-message = メッセージ
purpose-before_consultation = オンライン診療の前に、ようすを見るため
purpose-follow_up = 治療のあとの経過を見るため
purpose-skin = 傷や皮膚のようすを見るため
purpose-papers = お薬手帳などの書類を見るため
role-doctor = 医師
role-reviewer = 確認担当
role-reception = 受付
role-administrator = 管理者
state-quarantined = 検査待ち
state-in_review = 確認中
state-approved = 承認済み・再検査待ち
state-released = 閲覧できます
state-rejected = お断り
state-purged = 消去済み
