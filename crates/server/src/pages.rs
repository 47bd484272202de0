//! Rendering our pages: templates in `templates/`, escaped by default.

use axum::response::{Html, IntoResponse, Response};
use http::StatusCode;
use minijinja::{AutoEscape, Environment, Value, context};

use crate::Site;

/// Every template, compiled once.
pub(crate) struct Pages(Environment<'static>);

const TEMPLATES: [(&str, &str); 9] = [
    ("base.html", include_str!("../templates/base.html")),
    ("chat.html", include_str!("../templates/chat.html")),
    ("code.html", include_str!("../templates/code.html")),
    ("confirm.html", include_str!("../templates/confirm.html")),
    ("finished.html", include_str!("../templates/finished.html")),
    ("index.html", include_str!("../templates/index.html")),
    ("onward.html", include_str!("../templates/onward.html")),
    ("problem.html", include_str!("../templates/problem.html")),
    ("setup.html", include_str!("../templates/setup.html")),
];

impl Pages {
    pub(crate) fn new() -> Self {
        let mut environment = Environment::new();
        environment.set_auto_escape_callback(|_| AutoEscape::Html);
        for (name, source) in TEMPLATES {
            if let Err(error) = environment.add_template(name, source) {
                // Compiled in, and rendered by the tests: cannot happen in a build that passed them.
                tracing::error!(name, %error, "a page template does not compile");
            }
        }
        Self(environment)
    }
}

impl Site {
    /// The page `name` with `values`; every page also gets `now`, `base` and `development`.
    pub(crate) fn page(&self, status: StatusCode, name: &str, values: Value) -> Response {
        let common = context! {
            now => self.app.ports.clock.now().to_string(),
            base => "",
            development => self.app.settings.development,
        };
        let page = self
            .pages
            .0
            .get_template(name)
            .and_then(|template| template.render(context! { ..values, ..common }));
        match page {
            Ok(page) => (status, Html(page)).into_response(),
            Err(error) => {
                tracing::error!(name, %error, "a page could not be rendered");
                StatusCode::INTERNAL_SERVER_ERROR.into_response()
            }
        }
    }
}
