//! From an operation on records to the code that does it.

use super::object_types::ObjectType;
use super::routes::{AssociationVerb, Operation};
use super::store::Portal;
use super::{Context, Handled, association_batch, associations, batch_ops, objects, search};

/// Carries an operation out.
pub fn run(context: &Context<'_>, portal: &mut Portal, operation: &Operation) -> Handled {
    let object_type = context.object_type;
    match operation {
        Operation::Create => objects::create(context, portal),
        Operation::List => objects::list(context, portal.tables.of(object_type)),
        Operation::Read(id) => objects::read(context, portal, id),
        Operation::Update(id) => objects::update(context, portal, id),
        Operation::Archive(id) => objects::archive(context, portal, id),
        Operation::BatchCreate => batch_ops::create(context, portal),
        Operation::BatchRead => batch_ops::read(context, portal.tables.of(object_type)),
        Operation::BatchUpdate => batch_ops::update(context, portal),
        Operation::BatchUpsert => batch_ops::upsert(context, portal),
        Operation::BatchArchive => batch_ops::archive(context, portal),
        Operation::Search => search::search(context, portal.tables.of(object_type)),
        Operation::Merge => objects::merge(context, portal),
        Operation::Erase => objects::erase(context, portal),
        Operation::Associations(call) => associate(context, portal, call.to_type, &call.verb),
    }
}

fn associate(
    context: &Context<'_>,
    portal: &mut Portal,
    to_type: &'static ObjectType,
    verb: &AssociationVerb,
) -> Handled {
    match verb {
        AssociationVerb::List(from) => associations::list(context, portal, to_type, from),
        AssociationVerb::PutDefault(ends) => {
            associations::put_default(context, portal, to_type, ends.each_ref().map(String::as_str))
        }
        AssociationVerb::PutLabelled(ends) => associations::put_labelled(
            context,
            portal,
            to_type,
            ends.each_ref().map(String::as_str),
        ),
        AssociationVerb::Delete(ends) => {
            associations::delete(context, portal, to_type, ends.each_ref().map(String::as_str))
        }
        AssociationVerb::BatchDefault => association_batch::associate(context, portal, to_type),
        AssociationVerb::BatchCreate => association_batch::create(context, portal, to_type),
        AssociationVerb::BatchRead => association_batch::read(context, portal, to_type),
        AssociationVerb::BatchArchive => association_batch::archive(context, portal, to_type),
    }
}
