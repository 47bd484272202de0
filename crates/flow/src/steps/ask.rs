use crate::definition::{AskFile, Checker};
use crate::effect::Said;
use crate::event::Event;
use crate::exception::Exception;
use crate::expr::Text;
use crate::session::WaitsFor;
use crate::steps::{Context, Next, Step};
use crate::value::Value;

/// Asks the person and keeps the answer in a variable.
///
/// ```yaml
/// - id: again
///   ask: { text: Shall I send a new link?, into: answer, choices: ["Yes", "No"] }
/// ```
///
/// Without `choices` any text is an answer. With them, an answer counts in any case and with blanks around it, and the
/// variable takes the choice as it is written here; anything else is asked again. Waits without limit of time.
#[derive(Debug)]
pub(super) struct Ask {
    text: Option<Text>,
    into: String,
    choices: Vec<Text>,
}

impl Ask {
    pub(super) fn parse(file: &AskFile, checker: &mut Checker<'_>) -> Option<Self> {
        let text = file
            .text
            .as_deref()
            .map(|source| checker.text("/text", source));
        let into = checker.variable("/into", &file.into);
        let choices: Vec<_> = file
            .choices
            .iter()
            .enumerate()
            .map(|(index, source)| checker.text(&format!("/choices/{index}"), source))
            .collect();
        Some(Self {
            text: crate::definition::transpose(text)?,
            into: into?,
            choices: choices.into_iter().collect::<Option<_>>()?,
        })
    }

    fn ask(&self, cx: &mut Context<'_>) -> Result<(), Exception> {
        let text = match &self.text {
            Some(text) => cx.library().text(text, &cx.scope())?.trim_end().to_owned(),
            None => String::new(),
        };
        let choices = self.choices(cx)?;
        if !choices.is_empty() {
            cx.said.push(Said::Choices { text, choices });
        } else if !text.is_empty() {
            cx.said.push(Said::Message { text });
        }
        Ok(())
    }

    fn choices(&self, cx: &Context<'_>) -> Result<Vec<String>, Exception> {
        let scope = cx.scope();
        self.choices
            .iter()
            .map(|choice| cx.library().text(choice, &scope))
            .collect()
    }

    fn answer(&self, text: &str, cx: &mut Context<'_>) -> Result<Option<Next>, Exception> {
        let choices = self.choices(cx)?;
        let said = text.trim().to_lowercase();
        let chosen = choices
            .iter()
            .find(|choice| choice.trim().to_lowercase() == said);
        let answer = match chosen {
            Some(choice) => Value::from(choice.as_str()),
            None if choices.is_empty() => Value::from(text),
            None => return self.ask(cx).map(|()| None),
        };
        cx.session.variables.set(&self.into, answer);
        Ok(Some(Next::Continue))
    }
}

impl Step for Ask {
    fn kind(&self) -> &'static str {
        "ask"
    }

    fn enter(&self, cx: &mut Context<'_>) -> Result<Next, Exception> {
        self.ask(cx)?;
        Ok(Next::Wait {
            until: None,
            typing: true,
            for_: WaitsFor::Answer,
        })
    }

    fn resume(&self, event: &Event, cx: &mut Context<'_>) -> Result<Option<Next>, Exception> {
        match event {
            Event::Said(text) => self.answer(text, cx),
            // No `_`: a new event makes the compiler ask every step that waits what it means.
            Event::Started
            | Event::SignedIn { .. }
            | Event::SignInFailed { .. }
            | Event::TimedOut { .. }
            | Event::HttpAnswered { .. }
            | Event::IdentityFetched { .. } => Ok(None),
        }
    }
}
