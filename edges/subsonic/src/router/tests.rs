mod access;
mod discovery;
mod golden;
mod kept;
mod media;
mod names;
mod requests;
mod users;
