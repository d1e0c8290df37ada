// Web pages that carry their load inside themselves, so that no download is seen on the wire.

rule html_smuggling
{
    meta:
        severity = "malicious"
        disposition = "reject"
        description_en = "A page that assembles a file in the browser and starts its download by itself"
        description_ja = "ブラウザーの中でファイルを組み立て、自動的にダウンロードさせるページです"
        reference = "https://attack.mitre.org/techniques/T1027/006/"
    strings:
        $script = "<script" nocase
        $blob = "new Blob" nocase
        $object_url = "createObjectURL"
        $save_blob = "msSaveOrOpenBlob"
        $decode_base64 = "atob("
        $decode_bytes = "Uint8Array"
        $decode_chars = "fromCharCode"
        $download = ".download"
        $download_attribute = /["']download["']/
        $click = ".click()"
    condition:
        $script and $blob and ($object_url or $save_blob) and
        any of ($decode_*) and ($save_blob or (any of ($download*) and $click))
}
