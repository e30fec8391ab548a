//! The paths of a site's own sign-in, as resources of actix.

use actix_web::web::{self, Bytes, Data, PayloadConfig, ServiceConfig};
use actix_web::{Error, HttpResponse};
use nostore_signin::{MAX_FORM_BYTES, SignIn};

use crate::Exchange;
use crate::response;

/// Adds the resources of a sign-in, for `App::configure`, inside of the
/// [`SessionMiddleware`](crate::SessionMiddleware) with [`SignIn::sessions`].
pub fn sign_in(sign_in: &SignIn) -> impl FnOnce(&mut ServiceConfig) + use<> {
    let sign_in = Data::new(sign_in.clone());
    move |config| {
        for pattern in SignIn::PATHS {
            let resource = web::resource(pattern.replace('*', "{rest:.*}"))
                .app_data(Data::clone(&sign_in))
                .app_data(PayloadConfig::new(MAX_FORM_BYTES));
            config.service(resource.default_service(web::to(answer)));
        }
    }
}

async fn answer(sign_in: Data<SignIn>, exchange: Exchange, body: Result<Bytes, Error>) -> HttpResponse {
    response::answer(match body {
        Ok(body) => sign_in.answer(&exchange.0, &body).await,
        // A form that is too long, or that did not arrive whole.
        Err(error) => {
            let status = error.as_response_error().status_code();
            exchange.0.respond(status.as_u16(), Vec::new(), error.to_string())
        }
    })
}
