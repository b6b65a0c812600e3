//! Carrying out the calls of a company's API.

use http::StatusCode;
use serde_json::{Map, Value, json};

use super::access::{self, Credential};
use super::drafts;
use super::errors::Refusal;
use super::events::{self, Author};
use super::object_types::Object;
use super::paging::{self, found};
use super::records::{Change, Desk};
use super::routes::Call;
use super::store::Company;
use super::{field_api, hooks, listing, me, pipelines, render, search};
use crate::accounts::Account;
use crate::vendor::{Answer, Outcome, VendorRequest};

/// A call with all that it needs.
pub struct Context<'a> {
    /// The account.
    pub account: &'a Account,
    /// The request.
    pub request: &'a VendorRequest,
    /// What it was let in by.
    pub credential: Credential,
    /// Now.
    pub now_ms: i64,
}

/// An answer with what it changed.
struct Done {
    answer: Answer,
    applied: bool,
    changes: Vec<Change>,
}

impl From<Answer> for Done {
    fn from(answer: Answer) -> Self {
        Self { answer, applied: false, changes: Vec::new() }
    }
}

fn applied(answer: Answer) -> Done {
    Done { answer, applied: true, changes: Vec::new() }
}

fn body(request: &VendorRequest) -> Result<Map<String, Value>, Refusal> {
    let read: Option<Value> = serde_json::from_slice(&request.body).ok();
    let members = read.and_then(|read| read.as_object().cloned());
    members.ok_or_else(|| Refusal::bad_request("The request body must be a JSON object"))
}

/// `DELETE` of a record; one that is in the bin already is 410.
fn delete(desk: &mut Desk<'_>, object: Object, id: u64) -> Result<Done, Refusal> {
    let body = json!({ "success": true, "data": { "id": id } });
    let known = desk.company.table(object).records.get(&id);
    if known.is_some_and(|record| record.content.is_deleted) {
        return Ok(Answer::json(StatusCode::GONE, &body).into());
    }
    let change = desk.bin(object, id)?;
    Ok(Done { changes: vec![change], ..applied(Answer::json(StatusCode::OK, &body)) })
}

/// `PUT /persons/{id}/merge`: the person of the path goes into the one of the body.
fn merge(desk: &mut Desk<'_>, id: u64, body: &Map<String, Value>) -> Result<Done, Refusal> {
    let kept = body.get("merge_with_id").and_then(Value::as_u64);
    let kept = kept.ok_or_else(|| Refusal::invalid("merge_with_id", "Required"))?;
    let changes = desk.merge(Object::Person, kept, id)?;
    let merged = desk.present(Object::Person, kept)?;
    Ok(Done { changes, ..applied(found(render::merged_person(&merged, id))) })
}

impl Context<'_> {
    fn create(&self, desk: &mut Desk<'_>, object: Object) -> Result<Done, Refusal> {
        let draft = drafts::read(self.account, desk.company, object, &body(self.request)?, true)?;
        let change = desk.create(object, &draft)?;
        let row = change.after.as_ref().map_or(Value::Null, |record| render::row(record, None));
        Ok(Done { changes: vec![change], ..applied(found(row)) })
    }

    fn update(&self, desk: &mut Desk<'_>, object: Object, id: u64) -> Result<Done, Refusal> {
        desk.present(object, id)?;
        let draft = drafts::read(self.account, desk.company, object, &body(self.request)?, false)?;
        let change = desk.update(object, id, &draft)?;
        let row = render::row(&desk.present(object, id)?, None);
        let applied = change.is_some();
        Ok(Done { answer: found(row), applied, changes: change.into_iter().collect() })
    }

    /// A record in the bin is shown as long as it is there.
    fn read(&self, company: &Company, object: Object, id: u64) -> Result<Done, Refusal> {
        let wanted = listing::wanted_fields(self.request)?;
        let record = company.table(object).records.get(&id);
        let record = record.ok_or_else(|| Refusal::not_found(object.title()))?;
        Ok(found(render::row(record, wanted.as_deref())).into())
    }

    fn pipelines(&self) -> Result<Vec<pipelines::Pipeline>, Refusal> {
        pipelines::of(self.account).map_err(|error| Refusal::bad_request(&error))
    }

    fn rows(&self, rows: Vec<Value>) -> Result<Done, Refusal> {
        let (rows, next) = paging::counted(self.request, rows)?;
        Ok(paging::page(json!(rows), next).into())
    }

    fn carry_out(&self, company: &mut Company, call: Call) -> Result<Done, Refusal> {
        let Self { account, request, credential, now_ms } = *self;
        let mut desk = Desk { account, company, now_ms };
        match call {
            Call::Create(object) => self.create(&mut desk, object),
            Call::Update(object, id) => self.update(&mut desk, object, id),
            Call::Delete(object, id) => delete(&mut desk, object, id),
            Call::Merge(id) => merge(&mut desk, id, &body(request)?),
            Call::Read(object, id) => self.read(company, object, id),
            Call::List(object) => Ok(listing::list(company, object, request)?.into()),
            Call::Search(object) => {
                let pipelines = self.pipelines()?;
                Ok(search::search(company, &pipelines, object, request, now_ms)?.into())
            }
            Call::FieldSearch => Ok(search::by_field(company, request, now_ms)?.into()),
            Call::Fields(object) => Ok(field_api::list(account, company, object, request)?.into()),
            Call::CreateField(object) => {
                Ok(applied(field_api::create(account, company, object, &body(request)?)?))
            }
            Call::Pipelines => self.rows(pipelines::rows(&self.pipelines()?)),
            Call::Stages => {
                let of_pipeline = paging::number(request, "pipeline_id")?;
                self.rows(pipelines::stage_rows(&self.pipelines()?, of_pipeline))
            }
            Call::Me => Ok(found(me::data(account)).into()),
            Call::Hooks => Ok(hooks::list(account, company, credential).into()),
            Call::CreateHook => {
                let made = hooks::create(account, company, credential, &body(request)?, now_ms)?;
                Ok(applied(made))
            }
            Call::DeleteHook(id) => Ok(applied(hooks::delete(company, credential, id)?)),
        }
    }

    /// Carries the call out, and tells the webhooks of what it has changed.
    pub fn run(&self, company: &mut Company, call: Call) -> Result<Outcome, Refusal> {
        access::check_scopes(self.account, self.credential, call)?;
        let done = self.carry_out(company, call)?;
        let (account, now_ms) = (self.account, self.now_ms);
        let events = events::of_changes(account, company, &done.changes, Author::Api, now_ms);
        Ok(Outcome { answer: done.answer, applied: done.applied, events })
    }
}
