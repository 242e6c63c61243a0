//! The ids of other rows in a body: where one leads nowhere, all that do are told at once.

use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use uuid::Uuid;

use super::{Scoped, Tx};
use crate::kernel::problem::Problem;

type Look = for<'t> fn(&'t Tx, Uuid) -> LocalBoxFuture<'t, Result<bool, Problem>>;

fn exists<E: Scoped>(tx: &Tx, id: Uuid) -> LocalBoxFuture<'_, Result<bool, Problem>> {
    async move { Ok(tx.maybe_load::<E>(id).await?.is_some()) }.boxed_local()
}

/// What a body refers to, each with its JSON pointer.
#[derive(Default)]
pub struct References(Vec<(String, Uuid, Look)>);

impl References {
    /// Adds a row of a kind, where the body names one.
    pub fn add<E: Scoped>(&mut self, pointer: impl Into<String>, id: impl Into<Option<Uuid>>) {
        if let Some(id) = id.into() {
            self.0.push((pointer.into(), id, exists::<E>));
        }
    }

    /// The result as it is; a refusal of one reference with all others that lead nowhere. Looked up only then: what is right costs nothing more.
    ///
    /// # Errors
    /// What the result refused.
    pub async fn told_at_once<T>(&self, tx: &Tx, result: Result<T, Problem>) -> Result<T, Problem> {
        let Err(mut problem) = result else {
            return result;
        };
        if problem.code == "unknown_reference" {
            for (pointer, id, look) in &self.0 {
                if !problem.errors.iter().any(|error| error.pointer == *pointer) && !look(tx, *id).await? {
                    problem.errors.extend(Problem::unknown_reference(pointer).errors);
                }
            }
        }
        Err(problem)
    }
}
