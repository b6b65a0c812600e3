//! What the provider is asked for a group, in as few calls as it takes, all in flight together.

use std::collections::BTreeSet;

use futures::future::{join, join_all};

use super::Group;
use super::fetch::{Associations, Objects, Provider};
use super::unit::{Answers, needs_associations};
use crate::model::{ChangeKind, ExternalId, ObjectType};
use crate::ports::{AssociationsOf, DeadCause, READ_MAX, RecordScope, RemoteObject};
use crate::usecase::settle_work::Verdict;

/// The most pages of associations that are read of one object; a page has hundreds.
const PAGES_MAX: usize = 20;

/// The objects of a group, and the associations of those whose changes may be about them.
pub(super) async fn answers_of(
    provider: &Provider<'_>,
    scope: &RecordScope,
    group: &Group,
) -> Answers {
    let asked = group
        .objects
        .iter()
        .filter(|(_, object)| !object.change.kinds.contains(&ChangeKind::Erased));
    let ids: Vec<_> = asked.clone().map(|(id, _)| id.clone()).collect();
    let with_associations: Vec<_> = asked
        .filter(|(_, object)| needs_associations(&object.change))
        .map(|(id, _)| id.clone())
        .collect();
    let objects =
        join_all(ids.chunks(READ_MAX).map(|chunk| provider.ask_in_parts(Objects(chunk.to_vec()))));
    let (objects, mut answers) =
        join(objects, associations_of(provider, scope, &with_associations)).await;
    for (Objects(ids), answer) in objects.into_iter().flatten() {
        match answer {
            Ok(found) => {
                for id in ids {
                    if let Some(object) = object_of(&found, &id) {
                        answers.objects.insert(id, object.clone());
                    }
                }
            }
            Err(verdict) => answers.failed.extend(ids.into_iter().map(|id| (id, verdict))),
        }
    }
    answers
}

/// The object of that id, or the one that it went into.
fn object_of<'a>(found: &'a [RemoteObject], id: &ExternalId) -> Option<&'a RemoteObject> {
    let itself = found.iter().find(|object| object.external_id == *id);
    itself.or_else(|| found.iter().find(|object| object.merged_ids.contains(id)))
}

/// The associations of objects with all kinds of record.
pub(super) async fn associations_of(
    provider: &Provider<'_>,
    scope: &RecordScope,
    ids: &[ExternalId],
) -> Answers {
    let parts =
        join_all(scope.object_type.associated_types().iter().flat_map(|to| {
            ids.chunks(READ_MAX).map(|chunk| associations_with(provider, *to, chunk))
        }));
    let mut answers = Answers::default();
    for id in ids {
        answers.associations.insert(id.clone(), BTreeSet::new());
    }
    for part in parts.await {
        for (id, found) in part.associations {
            answers.associations.entry(id).or_default().extend(found);
        }
        answers.failed.extend(part.failed);
    }
    answers
}

/// All pages of the associations with one kind of record.
async fn associations_with(provider: &Provider<'_>, to: ObjectType, ids: &[ExternalId]) -> Answers {
    let mut answers = Answers::default();
    let first = |id: &ExternalId| AssociationsOf { external_id: id.clone(), after: None };
    let mut open: Vec<_> = ids.iter().map(first).collect();
    for _page in 0..PAGES_MAX {
        if open.is_empty() {
            return answers;
        }
        let of = std::mem::take(&mut open);
        for (question, answer) in provider.ask_in_parts(Associations { to, of }).await {
            match answer {
                Ok(page) => {
                    for (id, found) in page.found {
                        answers.associations.entry(id).or_default().extend(found);
                    }
                    open.extend(page.more);
                }
                Err(verdict) => {
                    let ids = question.of.into_iter().map(|of| (of.external_id, verdict));
                    answers.failed.extend(ids);
                }
            }
        }
    }
    // Half a set must not be taken for the whole.
    let too_many = Verdict::Dead(DeadCause::Internal);
    answers.failed.extend(open.into_iter().map(|of| (of.external_id, too_many)));
    answers
}
