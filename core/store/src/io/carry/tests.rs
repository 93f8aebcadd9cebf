use std::future::{pending, poll_fn};

use rustix::event::{Timespec, poll};

use super::*;
use crate::error::ErrorKind;

fn thread() -> std::thread::ThreadId {
    std::thread::current().id()
}

#[tokio::test]
async fn whoever_is_carried_works_with_the_disk_where_he_is() {
    let io = Io::new(1);
    assert!(!Io::is_here());
    let (here, runtime) = (io.clone(), thread());
    // There is one turn, which he has: to wait for another would last for ever.
    let carried = io.carry(Box::pin(async move {
        let (polled_by, worked) = (thread(), here.run(thread).await.unwrap());
        let broken = here.run(|| panic!("broken")).await.unwrap_err().kind;
        // To be woken from elsewhere is nothing special.
        tokio::task::yield_now().await;
        (polled_by, worked, broken, Io::is_here(), polled_by == thread())
    }));
    let Carried::Over((polled_by, worked, broken, is_here, stayed)) = carried.await.unwrap() else {
        panic!("he had enough to do");
    };
    assert!(polled_by == worked && polled_by != runtime && is_here && stayed);
    assert_eq!(broken, ErrorKind::Io);
    assert!(!io.run(Io::is_here).await.unwrap(), "the thread carries nobody any more");
}

#[tokio::test]
async fn whoever_waits_for_something_else_goes_back() {
    let io = Io::new(1);
    assert!(matches!(io.carry(Box::pin(pending::<()>())).await.unwrap(), Carried::Back(_)));
    // He says himself that he waits.
    let waits = poll_fn(|context| {
        // As a socket is waited for. Parking would be no wait: whoever wakes himself has unparked this thread.
        let moment = Timespec { tv_sec: 0, tv_nsec: 1_000_000 };
        Io::wait_here(|| poll(&mut [], Some(&moment))).unwrap();
        context.waker().wake_by_ref();
        Poll::<()>::Pending
    });
    assert!(matches!(io.carry(Box::pin(waits)).await.unwrap(), Carried::Back(_)));
    io.run(|| ()).await.unwrap();
}

#[tokio::test]
async fn whoever_is_busy_leaves_when_another_waits_for_a_turn() {
    let io = Io::new(1);
    let busy = poll_fn(|context| {
        context.waker().wake_by_ref();
        Poll::<()>::Pending
    });
    let carried = tokio::spawn({
        let io = io.clone();
        async move { matches!(io.carry(Box::pin(busy)).await.unwrap(), Carried::Back(_)) }
    });
    while io.0.threads.available_permits() > 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(io.run(|| 5).await.unwrap(), 5);
    assert!(carried.await.unwrap());
}

#[tokio::test]
async fn nobody_is_carried_without_a_turn_and_one_who_breaks_down_gives_his_back() {
    let io = Io::new(1);
    let turn = Arc::clone(&io.0.threads).acquire_owned().await.unwrap();
    assert!(matches!(io.carry(Box::pin(async { 1 })).await.unwrap(), Carried::Back(_)));
    drop(turn);
    let breaks = Box::pin(poll_fn(|_| -> Poll<()> { panic!("broken") }));
    assert_eq!(io.carry(breaks).await.unwrap_err().kind, ErrorKind::Io);
    assert!(matches!(io.carry(Box::pin(async { 1 })).await.unwrap(), Carried::Over(1)));
}
