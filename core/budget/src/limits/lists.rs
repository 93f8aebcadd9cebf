//! Limits of what is remembered of long lists, so that a page at a great offset costs what the first one costs.

/// Lists of which places are remembered, each for one viewer; and as many of which the letters are.
pub const LISTS_REMEMBERED_MAX: usize = 32;
/// How long they are.
pub const LIST_REMEMBERED_MS: u64 = 10 * 60 * 1_000;
/// Pages of one list that are remembered for one app, each with the numbers of its rows.
pub const LIST_PAGES_MAX: usize = 4;
/// Apps of one viewer whose pages of one list are remembered, so that all of them together have at most 2 MiB.
pub const LIST_APPS_MAX: usize = 4;
/// From one remembered place of a list to the next there are so many rows.
pub const LIST_STEP_ROWS: u64 = 1_000;
/// Places that are remembered of one list; behind the last of them rows are walked.
pub const LIST_PLACES_MAX: usize = 1_024;
/// Places with longer names than this are not remembered, in bytes, so that all of them together have at most 8 MiB.
pub const LIST_PLACE_TEXT_BYTES_MAX: usize = 128;
/// Choices of which steps are remembered for drawing random tracks, each for one viewer.
pub const CHOICES_REMEMBERED_MAX: usize = 8;
/// Steps that are remembered of one choice, an even number: all of them together have at most 4 MiB. A choice of more tracks has
/// longer ones.
pub const CHOICE_STEPS_MAX: usize = 64 * 1_024;
