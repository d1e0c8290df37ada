//! In which fonts the drawing instructions of a page show text. One that nobody uses may be absent, and so may one that only
//! sets words to be searched, as character recognition leaves them behind a scan.
//!
//! Fonts are told apart by name alone: of several with one name, all are shown if one is.

use std::collections::HashSet;
use std::rc::Rc;

use hayro::hayro_syntax::content::ops::TypedInstruction;
use hayro::hayro_syntax::object::Object;

/// What sets a font: its name, or that of a state.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Setter {
    Font(Vec<u8>),
    State(Vec<u8>),
}

/// How text is set at a place in a drawing.
#[derive(Clone, Debug, Default)]
pub(super) struct Setting {
    now: Now,
    saved: Vec<Now>,
}

#[derive(Clone, Debug, Default)]
struct Now {
    /// The font that was named last, and the states that were named since: any of them may have set another.
    by: Rc<Vec<Setter>>,
    is_invisible: bool,
}

/// What was found on a page.
#[derive(Debug, Default)]
pub(super) struct Shown {
    set: HashSet<Setter>,
    seen: HashSet<Setter>,
    /// Names of fonts in which text beyond ASCII is shown.
    beyond: HashSet<Vec<u8>>,
    /// Some drawing shows text in whatever font is set where it is drawn, or is too deep to be followed.
    are_all: bool,
}

impl Shown {
    /// Whether text is shown in what this sets.
    pub(super) fn has(&self, setter: &Setter) -> bool {
        self.seen.contains(setter) || (self.are_all && self.set.contains(setter))
    }

    /// Whether text beyond ASCII is shown in a font that has none of these names. Readers set other text in a font of their own.
    pub(super) fn has_beyond(&self, named: &HashSet<Vec<u8>>) -> bool {
        self.beyond.iter().any(|name| !named.contains(name))
    }

    /// The next instruction of a drawing.
    pub(super) fn take(&mut self, instruction: &TypedInstruction<'_, '_>, at: &mut Setting) {
        match instruction {
            TypedInstruction::SaveState(_) if at.saved.len() < DEEPEST => {
                at.saved.push(at.now.clone());
            }
            TypedInstruction::SaveState(_) => self.are_all = true,
            TypedInstruction::RestoreState(_) => {
                at.now = at.saved.pop().unwrap_or_else(|| at.now.clone());
            }
            TypedInstruction::TextRenderingMode(mode) => {
                at.now.is_invisible = mode.0.as_i64() == INVISIBLE;
            }
            TypedInstruction::TextFont(font) => {
                let setter = Setter::Font(font.0.to_vec());
                self.set.insert(setter.clone());
                at.now.by = Rc::new(vec![setter]);
            }
            TypedInstruction::SetGraphicsState(state) => {
                let setter = Setter::State(state.0.to_vec());
                self.set.insert(setter.clone());
                if at.now.by.len() == MOST_SET {
                    self.are_all = true;
                } else if !at.now.by.contains(&setter) {
                    Rc::make_mut(&mut at.now.by).push(setter);
                }
            }
            TypedInstruction::ShowText(_)
            | TypedInstruction::ShowTexts(_)
            | TypedInstruction::NextLineAndShowText(_)
            | TypedInstruction::ShowTextWithParameters(_)
                if !at.now.is_invisible =>
            {
                self.are_all |= !matches!(at.now.by.first(), Some(Setter::Font(_)));
                if let Some(Setter::Font(name)) = at.now.by.first()
                    && !is_ascii(instruction)
                {
                    self.beyond.insert(name.clone());
                }
                for setter in at.now.by.iter() {
                    if !self.seen.contains(setter) {
                        self.seen.insert(setter.clone());
                    }
                }
            }
            _ => {}
        }
    }
}

fn is_ascii(instruction: &TypedInstruction<'_, '_>) -> bool {
    match instruction {
        TypedInstruction::ShowText(text) => text.0.as_bytes().is_ascii(),
        TypedInstruction::NextLineAndShowText(text) => text.0.as_bytes().is_ascii(),
        TypedInstruction::ShowTextWithParameters(text) => text.2.as_bytes().is_ascii(),
        TypedInstruction::ShowTexts(texts) => texts.0.iter::<Object<'_>>().all(|part| match part {
            Object::String(text) => text.as_bytes().is_ascii(),
            _ => true,
        }),
        _ => true,
    }
}

/// The way to set text so that it is not seen.
const INVISIBLE: i64 = 3;
/// States that are saved at once, and that are named one after another.
const DEEPEST: usize = 10_000;
const MOST_SET: usize = 100;

#[cfg(test)]
mod tests {
    use hayro::hayro_syntax::content::TypedIter;

    use super::*;

    fn shown(drawings: &[&str]) -> Vec<&'static str> {
        let mut shown = Shown::default();
        for drawing in drawings {
            let mut setting = Setting::default();
            let mut instructions = TypedIter::new(drawing.as_bytes());
            while let Some(instruction) = instructions.next() {
                shown.take(&instruction, &mut setting);
            }
        }
        let font = |name: &&str| shown.has(&Setter::Font(name.as_bytes().to_vec()));
        let mut all: Vec<_> = ["A", "B"].into_iter().filter(font).collect();
        all.extend(Some("state").filter(|_| shown.has(&Setter::State(b"G".to_vec()))));
        all
    }

    #[test]
    fn a_font_is_shown_where_text_in_it_can_be_seen() {
        assert_eq!(shown(&["BT/A 9 Tf(a)Tj ET"]), ["A"]);
        assert_eq!(shown(&["BT/A 9 Tf/B 9 Tf[(a)9(b)]TJ ET"]), ["B"]);
        assert_eq!(shown(&["BT/A 9 Tf 3 Tr(a)Tj/B 9 Tf(b)' 1 2(c)\" ET"]), [""; 0]);
        assert_eq!(shown(&["q BT 3 Tr/A 9 Tf(a)Tj ET Q BT/B 9 Tf(b)' ET"]), ["B"]);
        assert_eq!(shown(&["BT/A 9 Tf 3 Tr(a)Tj 7 Tr(a)Tj ET"]), ["A"]);
        assert_eq!(shown(&["/A 9 Tf q/B 9 Tf Q BT(a)Tj ET"]), ["A"]);
    }

    #[test]
    fn a_state_may_set_a_font() {
        assert_eq!(shown(&["BT/A 9 Tf/G gs(a)Tj ET"]), ["A", "state"]);
        assert_eq!(shown(&["BT/G gs/A 9 Tf(a)Tj ET"]), ["A"]);
    }

    #[test]
    fn a_drawing_that_sets_no_font_may_show_any() {
        assert_eq!(shown(&["/A 9 Tf/X Do 3 Tr/B 9 Tf(b)Tj", "BT(a)Tj ET"]), ["A", "B"]);
        assert_eq!(shown(&["/A 9 Tf/X Do", "BT 3 Tr(a)Tj ET"]), [""; 0]);
        let deep = format!("{}BT/A 9 Tf 3 Tr(a)Tj ET", "q ".repeat(DEEPEST + 1));
        assert_eq!(shown(&[&deep]), ["A"]);
    }
}
