//! Presets: inputs of a runbook, kept under a name. Never secrets and never files: whoever saves leaves them out.

use std::collections::BTreeMap;

use jiff::Timestamp;
use model::{
    api::Preset,
    id::{PrincipalId, ProjectId},
};
use serde_json::{Value, json};
use sqlx::{Row, types::Json};

use crate::{
    Store, StoreError,
    engine::{in_read, in_write, to_microsecond},
    events::{NewEvent, has_nul, insert_events},
};

/// A preset to be saved.
#[derive(Clone, Debug)]
pub struct NewPreset {
    pub project: ProjectId,
    pub project_name: String,
    pub runbook: String,
    pub name: String,
    pub inputs: BTreeMap<String, Value>,
    pub by: PrincipalId,
    pub by_name: String,
    pub at: Timestamp,
}

impl Store {
    /// The presets of a runbook, by name.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn presets(&self, project: ProjectId, runbook: &str) -> Result<Vec<Preset>, StoreError> {
        let runbook = runbook.to_owned();
        in_read!(self, |connection| async move {
            let rows = sqlx::query(
                "SELECT name, inputs, saved_by, saved_at FROM presets WHERE project = $1 AND runbook = $2 ORDER BY name",
            )
            .bind(project.0)
            .bind(runbook)
            .fetch_all(&mut *connection)
            .await?;
            rows.iter()
                .map(|row| {
                    let saved_at: jiff_sqlx::Timestamp = row.try_get("saved_at")?;
                    let inputs: Json<BTreeMap<String, Value>> = row.try_get("inputs")?;
                    Ok(Preset {
                        name: row.try_get("name")?,
                        inputs: inputs.0,
                        saved_by: row.try_get("saved_by")?,
                        saved_at: saved_at.to_jiff(),
                    })
                })
                .collect()
        })
    }

    /// Save a preset, in the place of one with the same name.
    ///
    /// # Errors
    /// [`StoreError::HasNul`].
    pub async fn save_preset(&self, preset: NewPreset) -> Result<Preset, StoreError> {
        let inputs: Value = preset.inputs.clone().into_iter().collect();
        if has_nul(&inputs) || preset.name.contains('\0') || preset.runbook.contains('\0') {
            return Err(StoreError::HasNul);
        }
        in_write!(self, |connection| async move {
            let at = to_microsecond(preset.at);
            sqlx::query(
                "INSERT INTO presets (project, runbook, name, inputs, saved_by, saved_at) VALUES ($1, $2, $3, $4, $5, $6) \
                 ON CONFLICT (project, runbook, name) DO UPDATE SET inputs = excluded.inputs, \
                 saved_by = excluded.saved_by, saved_at = excluded.saved_at",
            )
            .bind(preset.project.0)
            .bind(preset.runbook.clone())
            .bind(preset.name.clone())
            .bind(Json(inputs))
            .bind(preset.by_name.clone())
            .bind(jiff_sqlx::ToSqlx::to_sqlx(at))
            .execute(&mut *connection)
            .await?;
            let events = vec![NewEvent::standalone(
                "preset.saved",
                at,
                Some(preset.by),
                Some(preset.project_name),
                format!("runbook/{}", preset.runbook),
                json!({"name": preset.name}),
            )];
            insert_events!(connection, events);
            Ok(Preset { name: preset.name, inputs: preset.inputs, saved_by: preset.by_name, saved_at: at })
        })
    }

    /// Delete a preset; false if there is none of that name. What is in `preset` beside its name does not matter.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn delete_preset(&self, preset: NewPreset) -> Result<bool, StoreError> {
        in_write!(self, |connection| async move {
            let gone = sqlx::query("DELETE FROM presets WHERE project = $1 AND runbook = $2 AND name = $3")
                .bind(preset.project.0)
                .bind(preset.runbook.clone())
                .bind(preset.name.clone())
                .execute(&mut *connection)
                .await?;
            if gone.rows_affected() == 0 {
                return Ok(false);
            }
            let events = vec![NewEvent::standalone(
                "preset.deleted",
                to_microsecond(preset.at),
                Some(preset.by),
                Some(preset.project_name),
                format!("runbook/{}", preset.runbook),
                json!({"name": preset.name}),
            )];
            insert_events!(connection, events);
            Ok(true)
        })
    }
}
