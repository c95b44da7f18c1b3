//! Opens many small objects one after the other, and has blobs on their way before their turn: each
//! costs a round trip, however small it is.

#[cfg(feature = "azure")]
use std::collections::VecDeque;

#[cfg(feature = "azure")]
use super::{Input, Location, azure_blob};
use super::{Object, OpenOptions, Reader, SourceError};
use crate::cancel::Cancel;

/// Objects that are opened in their order.
#[derive(Debug)]
pub struct Ahead<'o> {
    #[cfg(feature = "azure")]
    waiting: std::slice::Iter<'o, Object>,
    #[cfg(feature = "azure")]
    begun: VecDeque<(&'o Object, azure_blob::BlobInput)>,
    options: OpenOptions,
    cancel: &'o Cancel,
}

impl<'o> Ahead<'o> {
    /// Objects that together are small: as many as are on their way are in memory whole.
    #[cfg_attr(not(feature = "azure"), expect(unused_variables, reason = "files need nobody who runs ahead"))]
    pub fn new(objects: &'o [Object], options: OpenOptions, cancel: &'o Cancel) -> Self {
        Self {
            #[cfg(feature = "azure")]
            waiting: objects.iter(),
            #[cfg(feature = "azure")]
            begun: VecDeque::new(),
            options,
            cancel,
        }
    }

    /// Opens the next of the objects that is asked for; those between are passed over.
    ///
    /// # Errors
    ///
    /// Those of [`Reader::open`].
    pub fn open(&mut self, object: &Object) -> Result<Reader, SourceError> {
        #[cfg(feature = "azure")]
        if let Location::Blob(_) = object.location {
            return self.open_blob(object);
        }
        Reader::open(object, self.options, self.cancel)
    }

    #[cfg(feature = "azure")]
    fn open_blob(&mut self, object: &Object) -> Result<Reader, SourceError> {
        loop {
            while self.begun.len() < azure_blob::BLOBS_AHEAD
                && let Some(next) = self.waiting.next()
            {
                if let Location::Blob(blob) = &next.location {
                    self.begun.push_back((next, azure_blob::BlobInput::begin(blob, next.start, self.cancel)));
                }
            }
            match self.begun.pop_front() {
                Some((begun, input)) if begun.name == object.name => {
                    return Reader::of(object, self.options, Ok(Input::Blob(Box::new(input))));
                }
                Some(_) => {}
                None => return Reader::open(object, self.options, self.cancel),
            }
        }
    }
}
