//! A person's browser: cookies, the pages of a sign-in, redirects one at a time.

use std::sync::{Arc, Mutex};

use app::ports::Clock as _;

use crate::{Answer, Call, Chat, PUBLIC_URL, World, jar::Jar, outside::lock, world::Inside};

/// A browser at the server. Cloning is cheap; the clones share their cookies.
#[derive(Clone)]
pub struct Browser {
    inside: Arc<Inside>,
    jar: Arc<Mutex<Jar>>,
}

/// What following a link comes to.
#[derive(Debug)]
pub enum SetOut {
    /// On to the provider, at this address.
    Provider(String),
    /// It ended at this page.
    Page(Answer),
}

impl SetOut {
    /// The provider's address, which it must be.
    pub fn provider(self) -> String {
        match self {
            Self::Provider(address) => address,
            Self::Page(page) => panic!("the link led to `{}`", page.title()),
        }
    }

    /// The page, which it must be.
    pub fn page(self) -> Answer {
        match self {
            Self::Page(page) => page,
            Self::Provider(address) => panic!("the link led to {address}"),
        }
    }
}

impl Browser {
    pub(crate) fn new(inside: Arc<Inside>) -> Self {
        Self {
            inside,
            jar: Arc::default(),
        }
    }

    /// Opens the chat page's conversation with an agent, as the page does: the one this browser has, else a new one.
    pub async fn chat(&self, organization: &str, agent: &str) -> Chat {
        Chat::in_browser(self, organization, agent, false).await
    }

    /// Opens a new conversation, as the page's "Start over" does.
    pub async fn new_chat(&self, organization: &str, agent: &str) -> Chat {
        Chat::in_browser(self, organization, agent, true).await
    }

    /// One `GET`; redirects are not followed.
    pub async fn get(&self, address: &str) -> Answer {
        self.send(Call::get(address)).await
    }

    /// One `POST` of a form from a page of ours; redirects are not followed.
    pub async fn post_form(&self, address: &str, fields: &[(&str, &str)]) -> Answer {
        let call = Call::post(address)
            .form(fields)
            .header("origin", PUBLIC_URL)
            .header("sec-fetch-site", "same-origin");
        self.send(call).await
    }

    /// One request as it is, with this browser's cookies; takes the cookies that come back.
    pub async fn send(&self, call: Call) -> Answer {
        let cookies = lock(&self.jar).sent(call.path(), self.inside.clock.now());
        let pairs: Vec<String> = cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let call = if pairs.is_empty() {
            call
        } else {
            call.header("cookie", &pairs.join("; "))
        };
        let answer = self.inside.answer(call).await;
        let now = self.inside.clock.now();
        for cookie in answer.set_cookies() {
            lock(&self.jar).take(cookie, now);
        }
        answer
    }

    /// Opens a link and presses *Continue* if the confirmation page is shown, as far as the provider.
    pub async fn set_out(&self, link: &str) -> SetOut {
        let page = self.get(link).await;
        if let Some(address) = page.location() {
            return SetOut::Provider(address.to_owned());
        }
        if !is_form(&page) {
            return SetOut::Page(page);
        }
        let page = self.decide(&page, "continue").await;
        match page.onward() {
            Some(address) => SetOut::Provider(address),
            None => SetOut::Page(page),
        }
    }

    /// Presses one of the buttons of a confirmation page: `continue`, `cancel`, `report`.
    pub async fn decide(&self, confirmation: &Answer, decision: &str) -> Answer {
        let action = confirmation.between("action=\"", "\"");
        let csrf = confirmation.between("name=\"csrf\" value=\"", "\"");
        let (Some(action), Some(csrf)) = (action, csrf) else {
            panic!("`{}` is no confirmation page", confirmation.title());
        };
        let fields = [("csrf", csrf.as_str()), ("decision", decision)];
        self.post_form(&action, &fields).await
    }

    /// Comes back from the provider, and follows on to the page that says how it ended.
    pub async fn come_back(&self, callback: &str) -> Answer {
        let answer = self.get(callback).await;
        match answer.location() {
            Some(next) => self.get(next).await,
            None => answer,
        }
    }

    /// The World that it is in.
    pub fn world(&self) -> World {
        World {
            inside: Arc::clone(&self.inside),
        }
    }

    /// The whole sign-in of a person who reaches the provider and comes back: the last page.
    pub async fn sign_in(&self, link: &str, person: &str) -> Answer {
        match self.set_out(link).await {
            SetOut::Page(page) => page,
            SetOut::Provider(address) => match self.world().at_provider(&address, person) {
                Ok(callback) => self.come_back(&callback).await,
                Err(why) => panic!("{person} did not come back: {why:?}"),
            },
        }
    }

    /// The value of a cookie that this browser holds now.
    pub fn cookie(&self, name: &str) -> Option<String> {
        let held = self.cookies();
        let found = held.into_iter().find(|(held, _)| held == name);
        found.map(|(_, value)| value)
    }

    /// All cookies that this browser holds now, oldest first.
    pub fn cookies(&self) -> Vec<(String, String)> {
        lock(&self.jar).sent("/", self.inside.clock.now())
    }

    /// Puts a cookie into this browser, as whoever has got hold of it would.
    pub fn plant_cookie(&self, name: &str, value: &str) {
        lock(&self.jar).plant(name, value);
    }

    /// Takes a cookie out of this browser, as browsers inside other apps do.
    pub fn lose_cookie(&self, name: &str) {
        lock(&self.jar).lose(name);
    }
}

fn is_form(page: &Answer) -> bool {
    page.status == 200 && page.text().contains("name=\"csrf\"")
}
