use crate::definition::Checker;
use crate::effect::Said;
use crate::exception::Exception;
use crate::expr::Text;
use crate::steps::{Context, Next, Step};

/// Says a text.
///
/// ```yaml
/// - id: show
///   message: |
///     {{ ChatUser.FirstName }}, you have {{ trips | length }} trips.
/// ```
///
/// The text is a template. Blanks at its end are left out; a text that comes out empty is not said.
#[derive(Debug)]
pub(super) struct Message {
    text: Text,
}

impl Message {
    pub(super) fn parse(source: &str, checker: &mut Checker<'_>) -> Option<Self> {
        Some(Self {
            text: checker.text("", source)?,
        })
    }
}

impl Step for Message {
    fn kind(&self) -> &'static str {
        "message"
    }

    fn enter(&self, cx: &mut Context<'_>) -> Result<Next, Exception> {
        let text = cx.library().text(&self.text, &cx.scope())?;
        let text = text.trim_end();
        if !text.is_empty() {
            cx.said.push(Said::Message {
                text: text.to_owned(),
            });
        }
        Ok(Next::Continue)
    }
}
