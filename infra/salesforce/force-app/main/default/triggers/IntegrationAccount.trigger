/** Tells the integration of changed accounts. */
trigger IntegrationAccount on Account (after insert, after update, after delete, after undelete) {
    IntegrationChanges.tell(Trigger.operationType, Trigger.new, Trigger.oldMap);
}
