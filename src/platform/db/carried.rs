//! A connection that a request found out with who asks, in their scope already: its first read goes on with it, so that both take two round trips.

use std::cell::RefCell;

use super::Tx;
use crate::kernel::access::Scope;

tokio::task_local! {
    static CARRIED: RefCell<Option<(usize, Tx)>>;
}

/// Runs a request that may carry a connection from one place to the next. What is left of it is given back at the end.
pub async fn carrying<F: Future>(request: F) -> F::Output {
    CARRIED.scope(RefCell::new(None), request).await
}

/// Leaves a connection of a database (told by its address) for the next read of this request; outside a request it is given back.
pub(super) fn leave(database: usize, reader: Tx) {
    // Outside a request there is nobody to take it.
    let _given_back = CARRIED.try_with(|carried| carried.replace(Some((database, reader))));
}

/// Takes the connection that was left, if it is of this database and in this scope. Any other is given back now: who waits for a connection holds none.
pub(super) fn take(database: usize, scope: Option<Scope>) -> Option<Tx> {
    let carried = CARRIED.try_with(RefCell::take).ok().flatten();
    carried.filter(|(of, reader)| *of == database && Some(reader.scope()) == scope).map(|(_, reader)| reader)
}
