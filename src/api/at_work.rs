//! A request's place among those of its project that are at work.
//!
//! It has the place from when its caller is known until its answer is, except while it waits for its client: a
//! slow body, or a long one, keeps no other request of the project waiting. Its event of the audit is written and the
//! bytes of its answer are sent without one, and an upload is without one from its first byte on: uploads have turns of
//! their own, and may take hours.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
};

use axum::body::{Body, Bytes, HttpBody};
use futures::{FutureExt as _, future::BoxFuture};
use hyper::body::{Frame, SizeHint};
use tokio::{runtime::Handle, sync::Notify};
use tokio_util::task::AbortOnDropHandle;

use crate::{
    error::Result,
    identity::lines::{Absent, Lines, Place, Share},
};

/// The place of one request; its layer, its caller and its body know it.
#[derive(Clone, Default)]
pub(super) struct AtWork {
    stand: Arc<Mutex<Stand>>,
    crowd: Arc<Notify>,
}

#[derive(Default)]
enum Stand {
    /// Nobody knows whose request it is, or it is over.
    #[default]
    Outside,
    Inside(Place),
    /// It has the place until its body is asked for.
    Uploading {
        _place: Place,
    },
    Away(Absent),
}

impl AtWork {
    /// Waits for a place, unless the request has one: a second would wait for the first, in vain.
    pub(super) async fn enter(&self, lines: &Lines, share: Share) -> Result<()> {
        if matches!(*self.stand(), Stand::Outside) {
            let place = lines.take(share).await?;
            let is_of_crowd = place.is_of_crowd();
            *self.stand() = Stand::Inside(place);
            if is_of_crowd {
                self.crowd.notify_one();
                // The request goes on where `run` carries it.
                tokio::task::yield_now().await;
            }
        }
        Ok(())
    }

    /// Runs a request. From when it turns out to be one of a crowd it goes on in the background.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        background: &Handle,
        request: impl Future<Output = T> + Send + 'static,
    ) -> T {
        let mut request = Box::pin(request);
        tokio::select! {
            // A request that needs no wait is never looked at twice.
            biased;
            answer = &mut request => return answer,
            () = self.crowd.notified() => {}
        }
        // Dropped, it drops the request too.
        let answer = AbortOnDropHandle::new(background.spawn(request)).await;
        // It was not aborted, as this is still here. A panic is met as one in the foreground is.
        answer.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
    }

    /// Gives the place away, for good: the request is answered.
    pub(super) fn end(&self) {
        *self.stand() = Stand::Outside;
    }

    /// The body is an upload's.
    pub(super) fn uploads(&self) {
        let mut stand = self.stand();
        *stand = match std::mem::take(&mut *stand) {
            Stand::Inside(_place) => Stand::Uploading { _place },
            other => other,
        };
    }

    /// A body for which the place is given away while it is awaited.
    pub(super) fn without_place(&self, body: Body) -> Body {
        if body.is_end_stream() {
            body
        } else {
            Body::new(Awaited { body, at_work: self.clone(), back: None, is_over: false })
        }
    }

    /// Its body is asked for.
    fn asks_for_body(&self) {
        let mut stand = self.stand();
        if matches!(*stand, Stand::Uploading { .. }) {
            *stand = Stand::Outside;
        }
    }

    fn leave(&self) {
        let mut stand = self.stand();
        *stand = match std::mem::take(&mut *stand) {
            Stand::Inside(place) => place.leave().map_or(Stand::Outside, Stand::Away),
            other => other,
        };
    }

    async fn come_back(self) {
        let absent = match &*self.stand() {
            Stand::Away(absent) => absent.clone(),
            Stand::Outside | Stand::Inside(_) | Stand::Uploading { .. } => return,
        };
        if let Some(place) = absent.come_back().await {
            *self.stand() = Stand::Inside(place);
        }
    }

    fn stand(&self) -> MutexGuard<'_, Stand> {
        self.stand.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Awaited {
    body: Body,
    at_work: AtWork,
    /// The wait for a place once the last byte has come: the end is told when the request has one.
    back: Option<BoxFuture<'static, ()>>,
    is_over: bool,
}

impl HttpBody for Awaited {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        self.at_work.asks_for_body();
        if self.back.is_none() && !self.is_over {
            match Pin::new(&mut self.body).poll_frame(cx) {
                Poll::Pending => {
                    self.at_work.leave();
                    return Poll::Pending;
                }
                Poll::Ready(Some(frame)) => {
                    // A small body comes whole, with its head. The next piece of a large one may be long in coming, or
                    // there are so many that none is awaited for a long time.
                    if !self.body.is_end_stream() {
                        self.at_work.leave();
                    }
                    return Poll::Ready(Some(frame));
                }
                Poll::Ready(None) => self.back = Some(self.at_work.clone().come_back().boxed()),
            }
        }
        if let Some(back) = &mut self.back {
            ready!(back.poll_unpin(cx));
            (self.back, self.is_over) = (None, true);
        }
        Poll::Ready(None)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;
    use tokio::sync::mpsc;

    use super::*;
    use crate::{
        background::{self, Background},
        identity::lines::Standing,
        ids::{ProjectId, UserId},
    };

    async fn at_work(lines: &Lines) -> AtWork {
        let at_work = AtWork::default();
        at_work.enter(lines, Share::Project(ProjectId::nil())).await.unwrap();
        at_work
    }

    #[tokio::test]
    async fn body_that_is_awaited_holds_no_place() {
        let lines = Lines::new(1);
        let (client, bytes) = mpsc::unbounded_channel::<Result<Bytes>>();
        let stream = futures::stream::unfold(bytes, |mut bytes| async { bytes.recv().await.map(|next| (next, bytes)) });
        let slow = at_work(&lines).await;
        let mut body = slow.without_place(Body::from_stream(stream));
        assert!(body.frame().now_or_never().is_none());
        // The only place is free again, so another request gets it, and the body ends when that one has.
        let other = at_work(&lines).await;
        client.send(Ok(Bytes::from_static(b"all"))).unwrap();
        drop(client);
        assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "all");
        assert!(body.frame().now_or_never().is_none());
        other.end();
        assert!(body.frame().await.is_none());
        assert_eq!(lines.standing(), Standing { at_work: 1, waiting: 0 });
        drop((slow, body));
        assert_eq!(lines.standing(), Standing { at_work: 0, waiting: 0 });
    }

    #[tokio::test]
    async fn upload_has_no_place_once_its_bytes_are_read() {
        let lines = Lines::new(1);
        let uploading = at_work(&lines).await;
        uploading.uploads();
        let body = uploading.without_place(Body::from("all"));
        assert_eq!(lines.standing(), Standing { at_work: 1, waiting: 0 });
        assert_eq!(body.collect().await.unwrap().to_bytes(), "all");
        assert_eq!(lines.standing(), Standing { at_work: 0, waiting: 0 });
    }

    #[tokio::test]
    async fn body_that_is_there_keeps_its_place() {
        let lines = Lines::new(1);
        let at_work = at_work(&lines).await;
        let body = at_work.without_place(Body::from("{}"));
        let left = lines.clone();
        assert_eq!(body.collect().await.unwrap().to_bytes(), "{}");
        assert!(left.take(Share::Project(ProjectId::nil())).now_or_never().is_none());
    }

    #[tokio::test]
    async fn request_of_a_crowd_goes_on_in_the_background_and_no_other() {
        let (lines, background) = (Lines::new(2), Background::start().unwrap());
        let other = Share::User(UserId::nil());
        let asks = |share: Share| {
            let (lines, handle) = (lines.clone(), background.handle());
            async move {
                let at_work = AtWork::default();
                let entered = at_work.clone();
                let request = async move {
                    entered.enter(&lines, share).await.unwrap();
                    background::is_here()
                };
                at_work.run(&handle, request).await
            }
        };
        assert!(!asks(other).await);
        // The line of two projects has one place each, so that the second request of one waits for the first.
        let first = at_work(&lines).await;
        let mut second = Box::pin(asks(Share::Project(ProjectId::nil())));
        assert!((&mut second).now_or_never().is_none());
        assert!(!asks(other).await);
        first.end();
        assert!(second.await);
    }
}
