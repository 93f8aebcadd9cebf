//! A text that comes in pieces and is cut where it has enough.

/// Gathers one text at a time.
#[derive(Debug, Default)]
pub(super) struct Text {
    gathered: String,
    bytes_max: usize,
}

impl Text {
    /// Begins a text that may have so many bytes.
    pub(super) fn begin(&mut self, bytes_max: usize) {
        self.gathered.clear();
        self.bytes_max = bytes_max;
    }

    /// Adds a piece, as far as there is room: blanks in a row are one, characters that no text has are left out.
    pub(super) fn push(&mut self, piece: &str) {
        for c in piece.chars() {
            let c = if c.is_whitespace() { ' ' } else { c };
            let is_second_blank = c == ' ' && (self.gathered.is_empty() || self.gathered.ends_with(' '));
            if c.is_control() || is_second_blank {
                continue;
            }
            if self.gathered.len() + c.len_utf8() > self.bytes_max {
                self.bytes_max = self.gathered.len();
                return;
            }
            self.gathered.push(c);
        }
    }

    /// The text, without blanks at its end.
    pub(super) fn take(&mut self) -> String {
        let mut text = std::mem::take(&mut self.gathered);
        text.truncate(text.trim_end().len());
        text
    }
}
