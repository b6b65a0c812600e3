/** Tells the integration of changed contacts. */
trigger IntegrationContact on Contact (after insert, after update, after delete, after undelete) {
    IntegrationChanges.tell(Trigger.operationType, Trigger.new, Trigger.oldMap);
}
