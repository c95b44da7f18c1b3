//! stub
/// Where.
#[derive(Debug)]
pub struct Address;
/// Builder.
#[derive(Debug)]
pub struct EventBuilder;
