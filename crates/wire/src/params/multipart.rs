//! A multipart body: texts as in a form, in any order, and files among them.

use std::convert::Infallible;

use bytes::Bytes;
use futures_util::{FutureExt, stream};
use multer::{Field, Multipart};

use super::{Form, Upload, essence};
use crate::errors::GraphError;

/// The name under which clients send a file that says no name of its own.
const FILE: &str = "filedata";

/// Puts the texts into the form; the files, each with the name of its part.
pub(super) fn read(
    content_type: &str,
    body: &Bytes,
    form: &mut Form,
) -> Result<Vec<(String, Upload)>, GraphError> {
    let boundary = multer::parse_boundary(content_type).map_err(|wrong| broken(&wrong))?;
    let whole = stream::iter([Ok::<_, Infallible>(body.clone())]);
    let parts = parts(Multipart::new(whole, boundary), form);
    // All of it is in memory: nothing is ever waited for.
    parts.now_or_never().unwrap_or_else(|| Err(GraphError::parameter("The multipart body ends too early")))
}

async fn parts(mut body: Multipart<'_>, form: &mut Form) -> Result<Vec<(String, Upload)>, GraphError> {
    let mut uploads = Vec::new();
    while let Some(part) = body.next_field().await.map_err(|wrong| broken(&wrong))? {
        form.count()?;
        let name = part.name().unwrap_or_default().to_owned();
        if part.file_name().is_none() && name != FILE {
            let bytes = part.bytes().await.map_err(|wrong| broken(&wrong))?;
            let text = String::from_utf8(bytes.into()).map_err(|_| {
                GraphError::parameter(format!("Param {name} of the multipart body is not valid UTF-8"))
            })?;
            form.put(&name, text)?;
        } else {
            uploads.push((name, file(part).await?));
        }
    }
    Ok(uploads)
}

async fn file(part: Field<'_>) -> Result<Upload, GraphError> {
    let mime = part.headers().get("content-type").and_then(|value| value.to_str().ok());
    let mime = essence(mime);
    let file_name = part.file_name().map(str::to_owned);
    let bytes = part.bytes().await.map_err(|wrong| broken(&wrong))?;
    Ok(Upload { mime, file_name, bytes })
}

fn broken(wrong: &multer::Error) -> GraphError {
    GraphError::parameter(format!("The multipart body cannot be read: {wrong}"))
}
