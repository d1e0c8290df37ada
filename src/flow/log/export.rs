//! The log up to its last checkpoint, one line an event with its proof.

use super::{FlowError, Pages};
use crate::app::{App, Checkpoints};
use crate::audit::export::{Header, Line};
use crate::audit::{Tree, merkle};
use crate::domain::{Action, Actor};

/// An export that goes on page by page: the tree's hashes are in memory, the events are not.
pub struct Export<'a> {
    pub header: Header,
    tree: Tree,
    pages: Pages<'a>,
}

impl<'a> Export<'a> {
    /// Begins one, which is an event.
    ///
    /// # Errors
    /// [`FlowError::NotFound`] if there is no checkpoint yet, [`FlowError::Internal`] if the log is not
    /// what was signed.
    pub async fn begin(app: &'a App, file: &Checkpoints, actor: Actor) -> Result<Self, FlowError> {
        let last = file.last()?.ok_or(FlowError::NotFound)?;
        let checkpoint = app.db.checkpoint_note(last.size).await?.ok_or(FlowError::NotFound)?;
        app.db.append(&app.event(actor, Action::AuditExport)?).await?;
        let (mut leaves, mut pages) = (Vec::new(), Pages::of(app));
        while let Some(page) = pages.next_below(last.size).await? {
            leaves.extend(page.iter().map(|row| merkle::leaf_hash(&row.bytes)));
        }
        let tree = Tree::new(leaves);
        if (tree.size(), tree.root(last.size)) != (last.size, Some(last.root)) {
            return Err(FlowError::Internal("the log is not what was signed"));
        }
        Ok(Self { header: Header { checkpoint }, tree, pages: Pages::of(app) })
    }

    /// The next lines; none at the end.
    ///
    /// # Errors
    /// [`FlowError::Internal`] if an entry is not where it was.
    pub async fn next(&mut self) -> Result<Option<Vec<Line>>, FlowError> {
        let size = self.tree.size();
        let Some(page) = self.pages.next_below(size).await? else { return Ok(None) };
        let line = |row: crate::audit::SequencedEvent| {
            Line::new(&self.tree, size, u64::try_from(row.seq).ok()?, row.bytes)
        };
        let lines = page.into_iter().map(line).collect::<Option<Vec<_>>>();
        lines.ok_or(FlowError::Internal("the log is not what was signed")).map(Some)
    }
}
