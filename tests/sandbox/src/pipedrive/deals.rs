//! What a deal's members say about each other: stage and pipeline, status and the times that come
//! with it, archiving.

use serde_json::{Map, Value, json};

use super::errors::Refusal;
use super::pipelines::Pipeline;
use super::store::Content;
use super::values::instant_text;

/// A write of a deal.
pub struct DealWrite<'a> {
    /// The company's pipelines.
    pub pipelines: &'a [Pipeline],
    /// What the caller gave.
    pub given: &'a Map<String, Value>,
    /// The deal before; absent for a new one.
    pub before: Option<&'a Content>,
    /// Now.
    pub now_ms: i64,
}

fn first_stage(pipeline: &Pipeline) -> Option<u64> {
    pipeline.stages.first().map(|stage| stage.id)
}

impl DealWrite<'_> {
    fn given_id(&self, name: &str) -> Option<u64> {
        self.given.get(name).and_then(Value::as_u64)
    }

    fn pipeline(&self, id: u64) -> Result<&Pipeline, Refusal> {
        let known = self.pipelines.iter().find(|pipeline| pipeline.id == id);
        known.ok_or_else(|| Refusal::invalid("pipeline_id", "it does not exist"))
    }

    fn pipeline_of(&self, stage: u64) -> Result<u64, Refusal> {
        let has = |pipeline: &&Pipeline| pipeline.stages.iter().any(|known| known.id == stage);
        let found = self.pipelines.iter().find(has).map(|pipeline| pipeline.id);
        found.ok_or_else(|| Refusal::invalid("stage_id", "it does not exist"))
    }

    /// Pipeline and stage after the write. A stage of another pipeline needs that pipeline with it.
    fn place(&self) -> Result<(u64, Option<u64>), Refusal> {
        let current = self.before.and_then(|before| before.id("pipeline_id"));
        let foreign = || Refusal::invalid("stage_id", "it is in another pipeline");
        match (self.given_id("pipeline_id"), self.given_id("stage_id")) {
            (given, Some(stage)) => {
                let of_stage = self.pipeline_of(stage)?;
                let wanted = given.or(current);
                if wanted.is_some_and(|wanted| wanted != of_stage) {
                    return Err(foreign());
                }
                Ok((of_stage, Some(stage)))
            }
            (Some(pipeline), None) if current == Some(pipeline) => {
                Ok((pipeline, self.before.and_then(|before| before.id("stage_id"))))
            }
            (Some(pipeline), None) => Ok((pipeline, first_stage(self.pipeline(pipeline)?))),
            (None, None) => match (self.before, self.pipelines.first()) {
                (Some(before), _) => Ok((current.unwrap_or_default(), before.id("stage_id"))),
                (None, Some(default)) => Ok((default.id, first_stage(default))),
                (None, None) => Err(Refusal::invalid("pipeline_id", "there is none")),
            },
        }
    }

    fn settle_stage(&self, deal: &mut Content) -> Result<(), Refusal> {
        let (pipeline, stage) = self.place()?;
        deal.set("pipeline_id", json!(pipeline));
        deal.set("stage_id", json!(stage));
        let moved = self.before.is_some_and(|before| before.id("stage_id") != stage);
        if moved {
            deal.set("stage_change_time", json!(instant_text(self.now_ms)));
        }
        Ok(())
    }

    fn refuse_foreign_times(&self, status: &str) -> Result<(), Refusal> {
        for (name, statuses) in [
            ("won_time", &["won"][..]),
            ("lost_time", &["lost"]),
            ("lost_reason", &["lost"]),
            ("close_time", &["won", "lost"]),
        ] {
            let is_given = self.given.get(name).is_some_and(|value| !value.is_null());
            if is_given && !statuses.contains(&status) {
                let why = format!("it can't be set while the status is {status}");
                return Err(Refusal::invalid(name, &why));
            }
        }
        Ok(())
    }

    fn settle_status(&self, deal: &mut Content) -> Result<(), Refusal> {
        let status = deal.get("status").as_str().unwrap_or("open").to_owned();
        self.refuse_foreign_times(&status)?;
        let before = self.before.and_then(|before| before.get("status").as_str()).unwrap_or("open");
        if before != status {
            for (name, of_status) in
                [("won_time", "won"), ("lost_time", "lost"), ("close_time", "")]
            {
                let applies =
                    if of_status.is_empty() { status != "open" } else { status == of_status };
                let given = self.given.get(name).filter(|value| !value.is_null());
                let time = given.cloned().unwrap_or_else(|| json!(instant_text(self.now_ms)));
                deal.set(name, if applies { time } else { Value::Null });
            }
            if status != "lost" {
                deal.set("lost_reason", Value::Null);
            }
        }
        for (date, time) in [
            ("local_won_date", "won_time"),
            ("local_lost_date", "lost_time"),
            ("local_close_date", "close_time"),
        ] {
            let day = deal.get(time).as_str().and_then(|text| text.get(..10)).map(str::to_owned);
            deal.set(date, json!(day));
        }
        deal.set("status", json!(status));
        Ok(())
    }

    fn settle_archive(&self, deal: &mut Content) -> Result<(), Refusal> {
        let was_archived = self.before.is_some_and(|before| *before.get("is_archived") == true);
        let is_archived = *deal.get("is_archived") == true;
        if was_archived && is_archived {
            return Err(Refusal::bad_request("Archived deals can not be edited"));
        }
        if !is_archived {
            deal.set("archive_time", Value::Null);
        } else if self.given.get("archive_time").is_none() {
            deal.set("archive_time", json!(instant_text(self.now_ms)));
        }
        deal.set("is_archived", json!(is_archived));
        Ok(())
    }

    /// Brings the members in line with each other.
    pub fn settle(&self, deal: &mut Content) -> Result<(), Refusal> {
        self.settle_archive(deal)?;
        self.settle_stage(deal)?;
        self.settle_status(deal)
    }
}

/// Whether it counts against the plan's room for open deals.
pub fn is_open(deal: &Content) -> bool {
    *deal.get("status") == "open" && !deal.is_deleted && *deal.get("is_archived") != true
}
