//! Whether the pages that the renderer found are those of the tree of pages.
//!
//! The renderer passes over what it cannot read there, takes for a page what is none, and searches for pages where there
//! is no tree. A document with a page too few looks whole.

use std::collections::HashSet;

use hayro::hayro_syntax::Pdf;
use hayro::hayro_syntax::object::{Array, Dict, MaybeRef, Object, ObjectIdentifier};

/// Walks the tree and compares, page by page.
pub(super) fn is_as_drawn(pdf: &Pdf) -> bool {
    let drawn: Vec<Option<ObjectIdentifier>> =
        pdf.pages().iter().map(|page| page.raw().obj_id()).collect();
    walked(pdf, drawn.len()).is_some_and(|walked| {
        let same = |(walked, drawn): (&Option<_>, &Option<_>)| walked.is_none() || walked == drawn;
        walked.len() == drawn.len() && walked.iter().zip(&drawn).all(same)
    })
}

/// The pages in their order, those that are objects by their number. `None` if one is missing, if there are more than
/// the renderer found, or if the tree says that there should be more.
fn walked(pdf: &Pdf, most: usize) -> Option<Vec<Option<ObjectIdentifier>>> {
    let catalog: Dict<'_> = pdf.xref().get(pdf.xref().root_id())?;
    let root: Dict<'_> = catalog.get(b"Pages")?;
    let count = root.get::<u32>(b"Count");
    let mut seen = HashSet::new();
    let (mut pages, mut nodes) = (Vec::new(), 0);
    let mut open = vec![root.get::<Array<'_>>(b"Kids")?.raw_iter()];
    while let Some(kids) = open.last_mut() {
        let Some(kid) = kids.next() else {
            open.pop();
            continue;
        };
        nodes += 1;
        let (id, node) = match kid {
            MaybeRef::Ref(kid) => {
                let id = ObjectIdentifier::from(kid);
                // The same page twice is shown twice by some and once by others.
                seen.insert(id).then_some(())?;
                (Some(id), pdf.xref().get::<Dict<'_>>(id)?)
            }
            MaybeRef::NotRef(Object::Dict(node)) => (None, node),
            MaybeRef::NotRef(_) => return None,
        };
        if let Some(kids) = node.get::<Array<'_>>(b"Kids") {
            open.push(kids.raw_iter());
        } else {
            pages.push(id);
        }
        if pages.len() > most || nodes > MOST_NODES {
            return None;
        }
    }
    let is_short = count.is_some_and(|count| count as usize > pages.len());
    (!is_short).then_some(pages)
}

/// Nodes of the tree, pages among them: far more than a document of honest pages needs.
const MOST_NODES: u32 = 10_000;
