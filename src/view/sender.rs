//! The daemon's side: what one client was last sent, and the difference to now.

use super::{Content, Row, Update, shift};
use crate::base::hash;
use crate::term::Cursor;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The most surfaces one client may look at.
pub const SURFACES_MAX: usize = 64;
/// How much of a row's SHA-256 stands for it when a client comes back: 128 bits, in hexadecimal.
const DIGEST_CHARS: usize = 32;

/// What one client has and how much more it takes.
#[derive(Default)]
pub struct Sender {
    sent: BTreeMap<u32, Sent>,
    number: u64,
    credit: u64,
    /// The client looks for cursors in heads.
    has_cursors_in_heads: bool,
}

/// What the client has of one surface.
#[derive(Default)]
struct Sent {
    head: Arc<Value>,
    cursor: Option<Cursor>,
    /// `None` is a row the client has, but other than it should be.
    rows: Vec<Option<Row>>,
    /// The digests of the rows a client that came back has, until they were compared.
    kept: Option<Vec<String>>,
}

impl Sender {
    /// For a client of an earlier protocol.
    pub fn with_cursors_in_heads() -> Self {
        Self { has_cursors_in_heads: true, ..Self::default() }
    }

    /// The client looks at a surface from now on, or at something else by the same number. `kept`
    /// are the digests of the rows it has: from an earlier connection, or of what the number meant
    /// before. False when it looks at too many.
    pub fn look(&mut self, surface: u32, kept: Vec<String>) -> bool {
        if self.sent.len() >= SURFACES_MAX && !self.sent.contains_key(&surface) {
            return false;
        }
        let before = self.sent.remove(&surface).filter(|sent| !sent.rows.is_empty());
        let sent = match before {
            None => Sent { kept: Some(kept).filter(|kept| !kept.is_empty()), ..Sent::default() },
            Some(before) if before.is(&kept) => Sent { rows: before.rows, ..Sent::default() },
            // A frame is on its way: by the time this look counts, the client has something else.
            Some(_) => Sent::default(),
        };
        self.sent.insert(surface, sent);
        true
    }

    /// The client no longer looks at a surface.
    pub fn forget(&mut self, surface: u32) {
        self.sent.remove(&surface);
    }

    /// The client takes frames up to this number.
    pub fn credit(&mut self, up_to: u64) {
        self.credit = self.credit.max(up_to);
    }

    /// Whether the client takes another frame now.
    pub fn may_send(&self) -> bool {
        self.number < self.credit
    }

    /// The next frame: its number and what differs. `None` when nothing does; then no number is
    /// used. Contents of surfaces the client does not look at are left out.
    pub fn frame(
        &mut self,
        now: impl IntoIterator<Item = (u32, Content)>,
    ) -> Option<(u64, Vec<Update>)> {
        let updates: Vec<Update> = now
            .into_iter()
            .filter_map(|(surface, content)| {
                let content =
                    if self.has_cursors_in_heads { with_cursor_in_head(content) } else { content };
                let sent = self.sent.get_mut(&surface)?;
                sent.update(surface, content)
            })
            .collect();
        if updates.is_empty() {
            return None;
        }
        self.number += 1;
        Some((self.number, updates))
    }
}

impl Sent {
    /// Whether these are the digests of its rows.
    fn is(&self, kept: &[String]) -> bool {
        let same = |(row, kept): (&Option<Row>, &String)| {
            row.as_ref().is_some_and(|row| digest(row) == *kept)
        };
        self.rows.len() == kept.len() && self.rows.iter().zip(kept).all(same)
    }

    fn update(&mut self, surface: u32, now: Content) -> Option<Update> {
        let mut update = Update { surface, ..Update::default() };
        if let Some(kept) = self.kept.take() {
            self.rows = recognised(&kept, &now.rows);
        }
        if self.rows.len() != now.rows.len() {
            update.len = u32::try_from(now.rows.len()).ok();
            self.rows.resize(now.rows.len(), Some(Row::from("")));
        }
        let wanted: Vec<Option<Row>> = now.rows.into_iter().map(Some).collect();
        let is_worth = |row: &Option<Row>| row.as_ref().is_some_and(|row| row.len() > 4);
        // Of an echo one row differs, and nothing moved.
        let differing =
            self.rows.iter().zip(&wanted).filter(|(old, new)| !is_same(old.as_ref(), new.as_ref()));
        if differing.take(2).count() == 2 {
            update.shift = shift::find(&self.rows, &wanted, is_worth);
        }
        let before = |i: usize| match update.shift {
            Some(shift) if (shift.top as usize..shift.bottom as usize).contains(&i) => {
                let from = shift::source(&shift, u32::try_from(i).unwrap_or(u32::MAX));
                from.and_then(|from| self.rows.get(from as usize)?.as_ref())
            }
            _ => self.rows[i].as_ref(),
        };
        for (i, row) in wanted.iter().enumerate() {
            if !is_same(before(i), row.as_ref())
                && let (Some(row), Ok(number)) = (row, u32::try_from(i))
            {
                update.rows.push((number, row.clone()));
            }
        }
        self.rows = wanted;
        if self.head != now.head {
            self.head = Arc::clone(&now.head);
            update.head = Some(now.head);
        }
        if self.cursor != now.cursor {
            self.cursor = now.cursor;
            update.cursor = now.cursor;
        }
        let nothing = Update { surface, ..Update::default() };
        (update != nothing).then_some(update)
    }
}

/// Whether two rows are equal; mostly they are one and the same, and nothing of them is read.
fn is_same(a: Option<&Row>, b: Option<&Row>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => Arc::ptr_eq(a, b) || a == b,
        (a, b) => a.is_none() && b.is_none(),
    }
}

fn with_cursor_in_head(content: Content) -> Content {
    let (mut head, cursor) = (Value::clone(&content.head), content.cursor);
    if let (Some(head), Some(cursor)) = (head.as_object_mut(), cursor) {
        head.insert("cursor".into(), json!(cursor));
    }
    Content { head: head.into(), cursor: None, ..content }
}

/// What a client that came back has, as far as it is what it should have.
fn recognised(kept: &[String], now: &[Row]) -> Vec<Option<Row>> {
    let same = |(i, digest_of_kept): (usize, &String)| {
        now.get(i).filter(|row| digest(row) == *digest_of_kept).cloned()
    };
    kept.iter().enumerate().map(same).collect()
}

/// What stands for a row when a client comes back.
pub fn digest(row: &str) -> String {
    let mut digest = hash::sha256(row.as_bytes());
    digest.truncate(DIGEST_CHARS);
    digest
}

#[cfg(test)]
mod tests {
    use super::super::copy::Copy;
    use super::*;

    fn content(rows: &[&str]) -> Content {
        Content {
            head: json!({ "n": rows.len() }).into(),
            rows: rows.iter().map(|r| (*r).into()).collect(),
            ..Content::default()
        }
    }

    fn sender() -> Sender {
        let mut sender = Sender::default();
        assert!(sender.look(1, Vec::new()));
        sender.credit(u64::MAX);
        sender
    }

    #[test]
    fn only_what_differs_is_sent() {
        let mut sender = sender();
        let (_, first) = sender.frame([(1, content(&["a", "b"]))]).unwrap();
        assert_eq!(first[0].rows.len(), 2);
        assert!(sender.frame([(1, content(&["a", "b"]))]).is_none());
        let (_, second) = sender.frame([(1, content(&["a", "c"]))]).unwrap();
        assert_eq!(second[0].rows, [(1, Row::from("c"))]);
        assert_eq!((second[0].head.clone(), second[0].len), (None, None));
    }

    #[test]
    fn a_cursor_that_moves_costs_itself_and_an_earlier_client_finds_it_in_the_head() {
        let at = |col| Some(Cursor { col, ..Cursor::default() });
        let shown = |col| Content { cursor: at(col), ..content(&["a"]) };
        let mut now = sender();
        now.frame([(1, shown(1))]).unwrap();
        let (_, moved) = now.frame([(1, shown(2))]).unwrap();
        let alone = Update { surface: 1, cursor: at(2), ..Update::default() };
        assert_eq!(moved, [alone]);
        assert!(now.frame([(1, shown(2))]).is_none());
        let mut before = Sender { credit: 9, ..Sender::with_cursors_in_heads() };
        before.look(1, Vec::new());
        before.frame([(1, shown(1))]).unwrap();
        let (_, moved) = before.frame([(1, shown(2))]).unwrap();
        let head = moved[0].head.as_deref().unwrap();
        assert_eq!((&head["cursor"]["col"], &head["n"]), (&json!(2), &json!(1)));
        assert_eq!(moved[0].cursor, None);
    }

    #[test]
    fn a_scrolled_screen_costs_one_row() {
        let rows: Vec<String> = (0..40).map(|n| format!("line number {n}")).collect();
        let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
        let mut sender = sender();
        sender.frame([(1, content(&rows[..24]))]);
        let (_, scrolled) = sender.frame([(1, content(&rows[1..25]))]).unwrap();
        assert_eq!(scrolled[0].rows.len(), 1);
        assert!(scrolled[0].shift.is_some());
    }

    #[test]
    fn credit_is_what_may_be_sent() {
        let mut sender = Sender::default();
        sender.look(1, Vec::new());
        assert!(!sender.may_send());
        sender.credit(1);
        assert!(sender.may_send());
        sender.frame([(1, content(&["a"]))]);
        assert!(!sender.may_send());
        sender.credit(0);
        assert!(!sender.may_send(), "credit is never taken back");
    }

    #[test]
    fn who_comes_back_gets_only_what_differs() {
        let mut copy = Copy::default();
        let mut before = sender();
        let (_, updates) = before.frame([(1, content(&["one", "two", "three"]))]).unwrap();
        updates.into_iter().for_each(|update| copy.apply(update).unwrap());
        let mut after = Sender::default();
        after.look(1, copy.digests(1));
        let (_, updates) = after.frame([(1, content(&["one", "TWO", "three"]))]).unwrap();
        assert_eq!(updates[0].rows, [(1, Row::from("TWO"))]);
        updates.into_iter().for_each(|update| copy.apply(update).unwrap());
        assert_eq!(copy.get(1), Some(&content(&["one", "TWO", "three"])));
    }

    #[test]
    fn scrolling_by_the_same_number_moves_what_the_client_has() {
        let rows: Vec<String> = (0..40).map(|n| format!("line number {n}")).collect();
        let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
        let (mut sender, mut copy) = (sender(), Copy::default());
        let show = |sender: &mut Sender, copy: &mut Copy, rows: &[&str]| {
            let (_, updates) = sender.frame([(1, content(rows))]).unwrap();
            let count = updates[0].rows.len();
            updates.into_iter().for_each(|update| copy.apply(update).unwrap());
            assert_eq!(copy.get(1), Some(&content(rows)));
            count
        };
        show(&mut sender, &mut copy, &rows[10..34]);
        sender.look(1, copy.digests(1));
        assert_eq!(show(&mut sender, &mut copy, &rows[8..32]), 2);
        let late = copy.digests(1);
        show(&mut sender, &mut copy, &rows[7..31]);
        sender.look(1, late);
        assert_eq!(show(&mut sender, &mut copy, &rows[0..24]), 24, "a frame was on its way");
    }

    #[test]
    fn a_client_may_not_look_at_more_than_the_bound() {
        let mut sender = Sender::default();
        let taken = (0..200).filter(|n| sender.look(*n, Vec::new())).count();
        assert_eq!(taken, SURFACES_MAX);
        assert!(sender.look(0, Vec::new()), "one it has may change");
    }

    /// Random contents, growing, shrinking and scrolling: the copy is always what was shown.
    #[test]
    fn the_copy_equals_the_content_after_every_frame() {
        let mut random = 7_u64;
        let mut next = move |below: u64| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (random >> 33) % below
        };
        let (mut sender, mut copy) = (sender(), Copy::default());
        let mut rows: Vec<String> = Vec::new();
        for step in 0..5_000 {
            match next(6) {
                0 => rows.push(format!("row {step}")),
                1 if !rows.is_empty() => drop(rows.remove(0)),
                2 => rows.insert(0, format!("top {step}")),
                3 if rows.len() > 3 => {
                    let at = usize::try_from(next(3)).unwrap();
                    rows.remove(at);
                    rows.push(format!("new {}", next(3)));
                }
                4 if rows.len() > 8 => rows.truncate(usize::try_from(next(8)).unwrap()),
                _ if !rows.is_empty() => rows[0] = format!("changed {}", next(4)),
                _ => {}
            }
            rows.truncate(40);
            let shown: Vec<&str> = rows.iter().map(String::as_str).collect();
            if let Some((_, updates)) = sender.frame([(1, content(&shown))]) {
                updates.into_iter().for_each(|update| copy.apply(update).unwrap());
            }
            assert_eq!(copy.get(1), Some(&content(&shown)), "after step {step}");
        }
    }
}
