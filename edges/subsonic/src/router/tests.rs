mod access;
mod golden;
mod media;
mod requests;
